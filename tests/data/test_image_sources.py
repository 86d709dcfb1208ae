"""Whatever may stand for an image: file objects, flipped arrays, batches of one, modes of PIL."""

from __future__ import annotations

import io
import re
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from contextseg import evaluate
from contextseg.config import AugmentConfig
from contextseg.data.check import check_dataset
from contextseg.data.images import ImageError, read_image
from contextseg.data.loading import TrainingSet, as_tensor
from contextseg.data.sample import Sample
from contextseg.data.shapes import ShapesDataset
from tests.inference.fakes import colour_predictor, draw_image

PIXELS = draw_image(40, 48)
TENSOR = torch.from_numpy(PIXELS).permute(2, 0, 1)


@pytest.fixture
def photo(tmp_path):
    Image.fromarray(PIXELS).save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


@pytest.mark.parametrize(
    "source",
    [
        PIXELS[::-1][::-1], np.asfortranarray(PIXELS), PIXELS[None], TENSOR, TENSOR[None],
        TENSOR.unsqueeze(0).to(memory_format=torch.channels_last), PIXELS.astype(np.uint16) * 257,
        PIXELS.astype(">u2") * 257,
    ],
    ids=["strides", "fortran", "batch", "tensor", "tensor batch", "nhwc", "16 bits", "big-endian"],
)  # fmt: skip
def test_the_same_pixels_however_they_lie(source):
    assert np.array_equal(read_image(source), PIXELS)


def test_flipped_arrays_are_flipped():
    assert np.array_equal(read_image(PIXELS[::-1, ::-1]), PIXELS[::-1, ::-1])
    assert np.array_equal(read_image(PIXELS[..., ::-1]), PIXELS[..., ::-1])  # BGR
    assert np.array_equal(read_image(PIXELS[..., 0][::-1])[..., 1], PIXELS[::-1, :, 0])


def test_bfloat16_is_read_to_its_precision():
    bfloat16 = pytest.importorskip("ml_dtypes").bfloat16
    floats = PIXELS.astype(np.float32) / 255
    for source in (torch.from_numpy(floats).bfloat16().permute(2, 0, 1), floats.astype(bfloat16)):
        assert np.abs(read_image(source).astype(int) - PIXELS).max() <= 1
    with pytest.raises(ImageError, match="floats from 0 to 2"):
        read_image(torch.tensor([[0, 2.0]]).bfloat16())


def test_file_objects_and_bytes(photo):
    content = photo.read_bytes()
    for source in (content, bytearray(content), memoryview(content), io.BytesIO(content)):
        assert np.array_equal(read_image(source), PIXELS)
    for buffering in (-1, 0):
        with photo.open("rb", buffering=buffering) as file:
            assert np.array_equal(read_image(file), PIXELS)
            assert not file.closed
            assert file.read() == b""  # still usable
    assert len(colour_predictor()([photo, content, io.BytesIO(content)])) == 3


def test_file_objects_that_cannot_be_read(photo):
    with photo.open(encoding="latin-1") as text, pytest.raises(ImageError, match='mode "rb"') as no:
        read_image(text)
    assert str(photo) in str(no.value)
    cut = photo.parent / "cut.png"
    cut.write_bytes(photo.read_bytes()[:200])
    with cut.open("rb") as file, pytest.raises(ImageError, match=re.escape(f"{cut}: cannot be")):
        read_image(file)
    with pytest.raises(ImageError, match=re.escape(f"{cut}: cannot be read")):
        read_image(file)  # closed
    with pytest.raises(ImageError, match=r"the file object: cannot be read: .* it is no JPEG"):
        read_image(io.BytesIO(b"nothing"))
    with Image.open(cut) as image, pytest.raises(ImageError, match=re.escape(f"{cut} cannot be")):
        read_image(image)


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("https://x.org/a.jpg", "https://x.org/a.jpg"),
        (Path("https://x.org/a.jpg"), "https://x.org/a.jpg"),
        ("s3://bucket/a.jpg", "s3://bucket/a.jpg"),
        ("data:image/png;base64,AAAA", "data:image/png;base64,AAAA"),
    ],
)
def test_addresses_are_not_fetched(given, shown):
    for read in (read_image, colour_predictor()):
        with pytest.raises(ImageError, match=rf"^{re.escape(shown)} is an address, not a path"):
            read(given)


def test_a_file_named_like_a_drive_is_no_address(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ImageError, match="no such file"):
        read_image("C:/photo.jpg")


@pytest.mark.parametrize(
    "mode", ["1", "L", "P", "RGB", "RGBA", "RGBX", "RGBa", "CMYK", "YCbCr", "LAB", "HSV", "I",
             "LA", "PA", "La"],
)  # fmt: skip
def test_every_mode_of_pil(mode):
    colour = Image.fromarray(PIXELS)
    through = {"RGBa": "RGBA", "LAB": "RGB", "La": "LA", "I": "L"}.get(mode)
    image = (colour.convert(through) if through else colour).convert(mode)
    assert image.mode == mode
    if mode in ("1", "P", "PA"):
        expected = image.convert("RGB")
    else:
        expected = colour.convert("L" if mode in ("L", "I", "LA", "La") else "RGB").convert("RGB")
    difference = np.abs(read_image(image) - np.array(expected, int))
    assert difference.mean() < 2  # LAB and HSV are rounded


@pytest.mark.parametrize("mode", ["I;16", "I;16L", "I;16B", "I"])
def test_16_bits_of_pil(mode):
    deep = Image.fromarray(PIXELS[..., 0].astype(np.uint16) * 257)
    image = deep if mode == "I;16" else deep.convert("I").convert(mode)
    assert np.array_equal(read_image(image)[..., 2], PIXELS[..., 0])


def test_floats_of_pil():
    image = Image.fromarray(PIXELS[..., 0].astype(np.float32) / 255)
    assert np.array_equal(read_image(image)[..., 0], PIXELS[..., 0])
    with pytest.raises(ImageError, match=r"has floats from .* Give the image"):
        read_image(Image.fromarray(PIXELS[..., 0].astype(np.float32)))


def test_a_file_of_another_kind_is_named_and_not_called_damaged(tmp_path):
    path = tmp_path / "heights.tif"
    Image.fromarray(1000 * PIXELS[..., 0].astype(np.float32)).save(path)
    with pytest.raises(ImageError, match=r"heights\.tif: the image has floats") as caught:
        read_image(path)
    assert "damaged" not in str(caught.value)


def test_lists_of_images(photo):
    predictor = colour_predictor(presence=True)
    single = predictor(PIXELS, flip=True)
    for sources in ([photo, PIXELS], (TENSOR[None], Image.fromarray(PIXELS))):
        found = predictor(sources, flip=True)
        assert [np.array_equal(each.mask, single.mask) for each in found] == [True, True]
        assert found[1].presence == single.presence
    assert predictor([]) == []
    with pytest.raises(ImageError, match=r"got \[2, 3, 40, 48\].*one image of a batch"):
        predictor(torch.cat([TENSOR[None]] * 2))
    with pytest.raises(ImageError, match="got NoneType"):
        predictor([PIXELS, None])


class Mirrored(ShapesDataset):
    """Scenes whose arrays run backwards, or may not be written to."""

    def __init__(self, kind: str) -> None:
        super().__init__("val", num_images=3, size=(48, 64))
        self.kind = kind

    def __getitem__(self, index: int) -> Sample:
        image, labels, name = super().__getitem__(index)
        image, labels = image[::-1, ::-1], labels[::-1, ::-1]
        if self.kind != "backwards":
            image, labels = image.copy(), labels.copy()
        if self.kind == "protected":
            image.flags.writeable = labels.flags.writeable = False
        return Sample(image, labels, name)


@pytest.mark.parametrize("kind", ["backwards", "protected"])
def test_own_datasets_may_give_any_strides(kind):
    plain, other = Mirrored("plain"), Mirrored(kind)
    predictor = colour_predictor(num_classes=8)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert torch.equal(
            evaluate(predictor, other).confusion, evaluate(predictor, plain).confusion
        )
        for name in ("image", "labels"):
            a, b = (TrainingSet(d, AugmentConfig(crop=(32, 32)))[(0, 1)] for d in (plain, other))
            assert torch.equal(a[name], b[name])
        labels = predictor.segment(other[0].image).labels
        assert as_tensor(other[0].labels).shape == labels.shape
    assert torch.equal(labels, predictor.segment(plain[0].image).labels)
    assert check_dataset(other).class_pixels.tolist() == check_dataset(plain).class_pixels.tolist()
