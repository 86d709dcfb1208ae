"""Masks are read as they are stored, whatever the file, or refused with the reason."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from contextseg.data.classes import Classes
from contextseg.data.images import ImageError, read_image, read_mask
from contextseg.data.masks import read_labels
from tests.data.pictures import photo, write_bmp, write_png, write_tiff

BINARY = Classes.from_dict(
    {"classes": [{"id": 0, "name": "background"}, {"id": 1, "name": "road"}]}
)
COLOURS = Classes.from_dict(
    {
        "classes": [
            {"id": 0, "name": "background", "color": [0, 0, 0]},
            {"id": 1, "name": "road", "color": [200, 0, 0]},
            {"id": 2, "name": "car", "color": [0, 200, 0]},
        ]
    }
)


def ids(bits: int) -> np.ndarray:
    return (np.arange(5 * 16).reshape(5, 16) * 7) % 2 ** min(bits, 16)


def greys(count: int, step: int = 1) -> list[tuple[int, int, int]]:
    return [(step * i, step * i, step * i) for i in range(count)]


@pytest.mark.parametrize("compression", ["none", "deflate", "packbits"])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("bits", [1, 2, 4, 8, 16, 32])
def test_grey_tiffs(tmp_path, bits, order, compression):
    write_tiff(tmp_path / "a.tif", ids(bits), bits, order=order, compression=compression)
    if (bits, order) == (32, ">"):  # PIL knows only the other order of these
        with pytest.raises(ImageError, match=r"a\.tif: cannot be read: .* Convert it to PNG"):
            read_mask(tmp_path / "a.tif")
        return
    assert read_mask(tmp_path / "a.tif").tolist() == ids(bits).tolist()


@pytest.mark.parametrize("compression", ["none", "deflate"])
@pytest.mark.parametrize("bits", [1, 2, 4, 8, 16])
def test_tiffs_whose_bits_run_the_other_way(tmp_path, bits, compression):
    path = tmp_path / "a.tif"
    write_tiff(path, ids(bits), bits, fill_order=2, compression=compression)
    assert read_mask(path).tolist() == ids(bits).tolist()


def test_12_bits(tmp_path):
    write_tiff(tmp_path / "a.tif", ids(12) * 5, 12)
    assert read_mask(tmp_path / "a.tif").tolist() == (ids(12) * 5).tolist()
    white = np.array([[0, 4095]] * 2)
    write_tiff(tmp_path / "white.tif", white, 12)
    assert read_image(tmp_path / "white.tif")[..., 0].tolist() == [[0, 255]] * 2


@pytest.mark.parametrize("bits", [1, 2, 4, 8, 16])
def test_tiffs_in_which_0_is_white_are_refused_as_masks_and_right_as_photos(tmp_path, bits):
    path = tmp_path / "a.tif"
    most = 2**bits - 1
    write_tiff(path, np.array([[0, most] * 4] * 2), bits, photometric=0)
    with pytest.raises(ImageError, match=r"a\.tif: cannot be a mask: it stores 0 for white"):
        read_mask(path)
    assert read_image(path)[0, :2, 0].tolist() == [255, 0]


@pytest.mark.parametrize("compression", ["none", "deflate"])
@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_palettes(tmp_path, bits, compression):
    palette = [(i, 255 - i, 3) for i in range(2**bits)]
    write_tiff(
        tmp_path / "a.tif", ids(bits), bits, photometric=3, compression=compression, palette=palette
    )
    write_png(tmp_path / "a.png", ids(bits), bits, palette)
    names = ["a.tif", "a.png"]
    if bits != 2:
        write_bmp(tmp_path / "a.bmp", ids(bits), bits, palette)
        names.append("a.bmp")
    for name in names:
        assert read_mask(tmp_path / name).tolist() == ids(bits).tolist(), name


@pytest.mark.parametrize("bits", [1, 2, 4, 8, 16])
def test_grey_pngs(tmp_path, bits):
    write_png(tmp_path / "a.png", ids(bits), bits)
    assert read_mask(tmp_path / "a.png").tolist() == ids(bits).tolist()


@pytest.mark.parametrize(
    ("bits", "palette"), [(8, greys(2, 255)), (4, greys(2, 255)), (4, greys(16)), (4, greys(4))]
)
def test_bmps_of_few_greys_are_no_noise(tmp_path, bits, palette):
    values = ids(bits) % len(palette)
    write_bmp(tmp_path / "a.bmp", values, bits, palette)
    assert read_image(tmp_path / "a.bmp")[..., 0].tolist() == np.array(palette)[values, 0].tolist()
    with pytest.raises(ImageError, match=r"a\.bmp: cannot be a mask: .* more bits"):
        read_mask(tmp_path / "a.bmp")


def test_bmps_of_all_greys(tmp_path):
    write_bmp(tmp_path / "a.bmp", ids(8), 8, greys(256))
    write_bmp(tmp_path / "b.bmp", ids(4), 4, greys(16, 17))
    assert read_mask(tmp_path / "a.bmp").tolist() == ids(8).tolist()
    assert read_mask(tmp_path / "b.bmp").tolist() == ids(4).tolist()


def save(path: Path, image: Image.Image, kind: str, **options: object) -> Path:
    image.save(path, format=kind, **options)
    return path


@pytest.mark.parametrize(
    ("kind", "options", "reason"),
    [
        ("GIF", {}, "programs number the colours of each GIF anew"),
        ("JPEG", {}, "lossy compression may change its ids"),
        ("WEBP", {"lossless": True}, "lossy compression may change its ids"),
        ("TIFF", {"compression": "jpeg"}, "lossy compression may change its ids"),
    ],
)
@pytest.mark.parametrize("name", ["a.png", "a.tif"])
def test_formats_that_do_not_keep_ids_are_refused_whatever_their_suffix(
    tmp_path, kind, options, reason, name
):
    image = Image.fromarray(photo()[..., 0] // 32)
    path = save(tmp_path / name, image, kind, **options)
    with pytest.raises(ImageError, match=rf"{name}: cannot be a mask: {reason}.* Save .* as PNG"):
        read_mask(path)
    assert read_image(path).shape == (40, 60, 3)


def test_gif_numbers_anew():
    """Why GIFs are refused: what PIL writes holds other ids."""
    import io

    image = Image.fromarray(np.array([[7, 9]], np.uint8))
    image.putpalette([(37 * i) % 256 for i in range(768)])
    buffer = io.BytesIO()
    image.save(buffer, "GIF")
    assert np.array(Image.open(buffer)).tolist() == [[0, 1]]


def test_channels_of_16_bits_are_refused(tmp_path):
    import cv2

    deep = photo().astype(np.uint16) * 257 + 1
    cv2.imwrite(str(tmp_path / "rgb.png"), deep)
    with pytest.raises(ImageError, match=r"rgb\.png: .* 3 channels have 16 bits each"):
        read_mask(tmp_path / "rgb.png")


def test_values_beyond_ids_are_named(tmp_path):
    write_tiff(tmp_path / "a.tif", np.array([[0, 70000]]), 32)
    with pytest.raises(ImageError, match=r"a\.tif: the mask holds values from 0 to 70000"):
        read_mask(tmp_path / "a.tif")
    with pytest.raises(ImageError, match=r"a\.tif: the image has values from 0 to 70000"):
        read_image(tmp_path / "a.tif")
    Image.fromarray(np.ones((2, 2), np.float32)).save(tmp_path / "f.tif")
    with pytest.raises(ImageError, match=r"f\.tif: a mask must be .* got PIL mode F"):
        read_mask(tmp_path / "f.tif")


@pytest.mark.parametrize(
    ("bits", "white"),
    [(2, 3), (4, 15), (8, 255), (12, 255), (12, 4095), (16, 255), (16, 65535), (32, 255)],
)
def test_black_and_white_masks_of_every_depth(tmp_path, bits, white):
    path = tmp_path / "a.tif"
    mask = np.array([[0, white, white, 0]])
    write_tiff(path, mask, bits)
    assert read_labels(path, BINARY).tolist() == [[0, 1, 1, 0]]
    mask[0, 0] = 1
    write_tiff(path, mask, bits)
    with pytest.raises(ValueError, match=rf"a\.tif: holds both 1 and {white}"):
        read_labels(path, BINARY)


def test_white_of_16_bits_in_png_and_as_ignored_id(tmp_path):
    mask = np.array([[0, 255, 65535]])
    write_png(tmp_path / "a.png", mask[:, :2], 16)
    assert read_labels(tmp_path / "a.png", BINARY).tolist() == [[0, 1]]
    write_png(tmp_path / "b.png", mask, 16)
    with pytest.raises(ValueError, match=r"b\.png: holds both 255 and 65535"):
        read_labels(tmp_path / "b.png", BINARY)
    void = Classes.from_dict(BINARY.to_dict() | {"ignore_label": 255})
    assert read_labels(tmp_path / "a.png", void).tolist() == [[0, 255]]


def test_a_palette_of_all_greys_is_a_grey_file(tmp_path):
    mask = np.array([[0, 255]])
    write_png(tmp_path / "grey.png", mask, 8, greys(256))
    assert read_labels(tmp_path / "grey.png", BINARY).tolist() == [[0, 1]]
    write_png(tmp_path / "other.png", mask, 8, [(i, 0, i) for i in range(256)])
    assert read_labels(tmp_path / "other.png", BINARY).tolist() == [[0, 255]]


def test_rgb_masks_that_were_saved_with_a_palette_are_noticed(tmp_path):
    colours = COLOURS.palette[:3]
    for order in ([0, 2, 1], [1, 2, 0]):  # another numbering of the same colours
        palette = [tuple(map(int, colours[i])) for i in order]
        write_png(tmp_path / "a.png", np.array([[0, 1, 2, 2]]), 8, palette)
        with pytest.raises(ValueError, match=r"a\.png: is a palette file in which index \d has"):
            read_labels(tmp_path / "a.png", COLOURS)
    right = [(0, 0, 0), (200, 0, 0), (0, 200, 0)]
    unlike = [(0, 0, 0), (1, 2, 3), (4, 5, 6)]
    partly = [(0, 0, 0), (1, 2, 3), (200, 0, 0)]
    for palette in (right, unlike, partly):
        write_png(tmp_path / "b.png", np.array([[0, 1, 2, 2]]), 8, palette)
        assert read_labels(tmp_path / "b.png", COLOURS).tolist() == [[0, 1, 2, 2]]
