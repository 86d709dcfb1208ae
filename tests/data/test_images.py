"""Images and masks of every kind come out alike, and broken ones are named."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from contextseg.data.images import ImageError, image_size, read_image, read_mask, write_mask
from tests.data.pictures import photo, save_turned, write_grey_png


def assert_near(image: np.ndarray, expected: np.ndarray, most: int) -> None:
    assert image.dtype == np.uint8
    assert image.shape == expected.shape
    assert np.abs(image.astype(int) - expected).max() <= most


@pytest.mark.parametrize(
    ("suffix", "most", "options"),
    [
        ("png", 0, {}),
        ("bmp", 0, {}),
        ("tif", 0, {}),
        ("webp", 0, {"lossless": True}),
        ("webp", 12, {"quality": 95}),
        ("jpg", 12, {"quality": 95}),
    ],
)
def test_every_format(tmp_path, suffix, most, options):
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(photo()).save(path, **options)
    assert_near(read_image(path), photo(), most)
    assert_near(read_image(str(path)), np.array(Image.open(path).convert("RGB")), 0)
    assert image_size(path) == (40, 60)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", ["jpg", "webp", "png"])
def test_photos_are_turned_upright(tmp_path, orientation, suffix):
    path = tmp_path / f"a.{suffix}"
    save_turned(path, photo(), orientation)
    stored = np.array(Image.open(path).convert("RGB"))
    upright = {
        1: stored,
        2: stored[:, ::-1],
        3: stored[::-1, ::-1],
        4: stored[::-1],
        5: stored.transpose(1, 0, 2),
        6: np.rot90(stored, -1),
        7: stored.transpose(1, 0, 2)[::-1, ::-1],
        8: np.rot90(stored),
    }[orientation]
    assert_near(read_image(path), upright, 0)
    assert image_size(path) == upright.shape[:2]
    with Image.open(path) as image:
        assert_near(read_image(image), upright, 0)


def test_cmyk(tmp_path):
    path = tmp_path / "a.jpg"
    Image.fromarray(photo()).convert("CMYK").save(path, quality=95)
    assert_near(read_image(path), photo(), 25)


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_16_bit_grey(tmp_path, suffix):
    path = tmp_path / f"a.{suffix}"
    grey = photo()[..., 0]
    cv2.imwrite(str(path), grey.astype(np.uint16) * 257)
    assert_near(read_image(path), np.stack([grey] * 3, axis=2), 0)
    assert image_size(path) == (40, 60)


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_16_bit_colour(tmp_path, suffix):
    path = tmp_path / f"a.{suffix}"
    cv2.imwrite(str(path), photo()[..., ::-1].astype(np.uint16) * 257)
    assert_near(read_image(path), photo(), 0)
    assert image_size(path) == (40, 60)


@pytest.mark.parametrize("mode", ["L", "1", "LA", "P", "I;16", "F"])
def test_other_modes_become_rgb(tmp_path, mode):
    grey = (photo()[..., 0] > 127) * np.uint8(255)
    expected = np.stack([grey] * 3, axis=2)
    path = tmp_path / ("a.tif" if mode == "F" else "a.png")
    image = Image.fromarray(grey)
    if mode == "I;16":
        image = Image.fromarray(grey.astype(np.uint16) * 257)
    elif mode == "F":
        image = Image.fromarray(grey.astype(np.float32) / 255)
    else:
        image = image.convert(mode)
    image.save(path)
    assert_near(read_image(path), expected, 0)


def test_what_is_transparent_is_white(tmp_path):
    image = np.dstack([photo(), np.full((40, 60), 255, np.uint8)])
    image[:10, :, 3] = 0
    expected = photo()
    expected[:10] = 255
    for name in ("a.png", "a.webp"):
        Image.fromarray(image).save(tmp_path / name, lossless=True)
        assert_near(read_image(tmp_path / name), expected, 0)
    Image.fromarray(image).save(tmp_path / "lossy.webp", quality=95)
    assert_near(read_image(tmp_path / "lossy.webp"), expected, 12)
    assert_near(read_image(image), expected, 0)

    palette = Image.fromarray(np.array([[0, 1]], np.uint8))
    palette.putpalette([10, 20, 30, 40, 50, 60])
    palette.save(tmp_path / "p.png", transparency=0)
    assert read_image(tmp_path / "p.png").tolist() == [[[255, 255, 255], [40, 50, 60]]]


@pytest.mark.parametrize(
    "source",
    [
        photo(),
        photo().astype(np.uint16) * 257,
        photo() / 255,
        photo().astype(np.float32) / 255,
        torch.from_numpy(photo()),
        torch.from_numpy(photo()).permute(2, 0, 1),
        torch.from_numpy(photo()).permute(2, 0, 1) / 255,
        Image.fromarray(photo()),
    ],
    ids=["uint8", "uint16", "float64", "float32", "hwc", "chw", "float chw", "pil"],
)
def test_arrays_and_tensors(source):
    assert_near(read_image(source), photo(), 0)


def test_grey_arrays():
    grey = photo()[..., 0]
    for source in (grey, grey[..., None], torch.from_numpy(grey)[None]):
        assert_near(read_image(source), np.stack([grey] * 3, axis=2), 0)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (np.zeros((4, 5, 2), np.uint8), r"1, 3 or 4 channels, got \[4, 5, 2\]"),
        (np.zeros((2, 4, 5, 3), np.uint8), r"one image of a batch"),
        (np.zeros((0, 5, 3), np.uint8), r"got \[0, 5, 3\]"),
        (np.full((4, 5), -0.5), "floats from -0.5 to -0.5"),
        (np.full((4, 5), np.nan), "0 to 1 is expected"),
        (np.zeros((4, 5), np.int32), "must be uint8, uint16 or floats"),
        (3, "got int"),
    ],
)
def test_what_is_no_image_is_explained(source, message):
    with pytest.raises(ImageError, match=message):
        read_image(source)


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "bmp"])
def test_truncated_files_are_named(tmp_path, suffix):
    path = tmp_path / f"broken.{suffix}"
    Image.fromarray(photo(200, 300)).save(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(ImageError, match=rf"broken\.{suffix}: cannot be read"):
        read_image(path)
    with pytest.raises(ImageError, match=rf"broken\.{suffix}: cannot be (read|a mask)"):
        read_mask(path)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
@pytest.mark.parametrize("read", [read_image, read_mask, image_size])
@pytest.mark.parametrize("content", [b"", b"text", b"II*\0broken", None])
def test_files_that_are_no_image(tmp_path, read, content):
    path = tmp_path / "a.png"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ImageError, match=r"a\.png: (no such file|cannot be read)"):
        read(path)


def test_a_palette_mask_holds_ids(tmp_path):
    ids = np.arange(256, dtype=np.uint8).reshape(16, 16)
    palette = np.random.default_rng(0).integers(0, 256, (256, 3)).astype(np.uint8)
    path = tmp_path / "new" / "a.png"
    write_mask(path, ids, palette)
    assert read_mask(path).tolist() == ids.tolist()
    assert (read_image(path) == palette[ids]).all()
    assert [p.name for p in path.parent.iterdir()] == ["a.png"]


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_a_grey_mask_of_few_bits_holds_ids(tmp_path, bits):
    ids = np.arange(64).reshape(4, 16) % 2**bits
    write_grey_png(tmp_path / "a.png", ids, bits)
    assert read_mask(tmp_path / "a.png").tolist() == ids.tolist()


def test_masks_of_other_modes(tmp_path):
    ids = np.array([[0, 5], [1000, 65535]], np.uint16)
    Image.fromarray(ids).save(tmp_path / "a.png")
    assert read_mask(tmp_path / "a.png").tolist() == ids.tolist()
    Image.fromarray(photo()).save(tmp_path / "rgb.png")
    assert (read_mask(tmp_path / "rgb.png") == photo()).all()
    Image.fromarray(photo()[..., 0]).convert("LA").save(tmp_path / "la.png")
    assert (read_mask(tmp_path / "la.png") == photo()[..., 0]).all()
    Image.fromarray(photo()).convert("CMYK").save(tmp_path / "cmyk.tif")
    with pytest.raises(ImageError, match=r"cmyk\.tif: a mask must be .* got PIL mode CMYK"):
        read_mask(tmp_path / "cmyk.tif")


@pytest.mark.parametrize("suffix", ["jpg", "png"])
def test_the_fast_decoder_gives_the_pixels_of_the_other_and_knows_its_limits(tmp_path, suffix):
    path = tmp_path / f"a.{suffix}"
    noise = np.random.default_rng(0).integers(0, 256, (61, 83, 3), np.uint8)
    for options in ({}, {"progressive": True, "subsampling": 2}) if suffix == "jpg" else ({},):
        Image.fromarray(noise).save(path, **options)
        with Image.open(path) as image:
            assert np.array_equal(read_image(path), np.array(image))
    whole = path.read_bytes()
    for share in (0.4, 0.9):
        path.write_bytes(whole[: int(len(whole) * share)])
        with pytest.raises(ImageError, match="truncated"):
            read_image(path)
