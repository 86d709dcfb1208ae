"""Images of any number of channels are read as they were written, whatever their file."""

from __future__ import annotations

import io

import cv2
import numpy as np
import pytest
import tifffile
import torch
from PIL import Image

from contextseg.config import ImagesConfig
from contextseg.data.bands import band_size, read_pixels
from contextseg.data.bands.read import read_header, read_values
from contextseg.data.images import read_image
from contextseg.data.picture_files import ImageError
from contextseg.system.extras import MissingPackageError

FOUR = ImagesConfig(channels=4)


def values(dtype, shape=(21, 34, 5)):
    array = np.random.default_rng(0).integers(0, 256, shape).astype(np.float64)
    if np.dtype(dtype).kind == "f":
        return (array / 7 - 3).astype(dtype)
    return (array * (np.iinfo(dtype).max // 256)).astype(dtype)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "uint32", "float32", "float64"])
@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"bigtiff": True, "byteorder": ">"},
        {"tile": (16, 32)},
        {"rowsperstrip": 4},
    ],
    ids=lambda options: " ".join(options) or "plain",
)
def test_tiff_files_of_every_arrangement(tmp_path, dtype, planar, options):
    array = values(dtype)
    stored = np.moveaxis(array, 2, 0) if planar == "separate" else array
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, stored, photometric="minisblack", planarconfig=planar, **options)
    np.testing.assert_array_equal(read_values(path), array)
    np.testing.assert_array_equal(read_values(path.read_bytes()), array)
    assert read_values(path).dtype == dtype
    header = read_header(path)
    assert header is not None
    assert (header.shape, header.dtype) == (array.shape, np.dtype(dtype))


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("compression", ["deflate", "lzw", "zstd", "packbits", "lzma"])
@pytest.mark.parametrize("predictor", [False, True])
def test_compressed_tiff_files(tmp_path, dtype, compression, predictor):
    array = values(dtype)
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, array, photometric="minisblack", planarconfig="contig",
                     compression=compression, predictor=predictor, tile=(16, 16))  # fmt: skip
    np.testing.assert_array_equal(read_values(path), array)


def test_pages_of_one_size_are_channels_and_overviews_are_not(tmp_path):
    array = values("uint16")
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        for channel in np.moveaxis(array, 2, 0):
            file.write(channel, photometric="minisblack", metadata=None)
            file.write(channel[::2, ::2], subfiletype=1, photometric="minisblack", metadata=None)
    np.testing.assert_array_equal(read_values(tmp_path / "a.tif"), array)


@pytest.mark.parametrize("dtype", ["uint8", ">u2", "<i2", "<f4", ">f8", "float16"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_numpy_files(tmp_path, dtype, order):
    array = np.asarray(values(np.dtype(dtype).newbyteorder("=")), order=order).astype(dtype)
    np.save(tmp_path / "a.npy", array)
    found = read_values(tmp_path / "a.npy")
    np.testing.assert_array_equal(found, array)
    assert found.dtype.isnative
    assert band_size(tmp_path / "a.npy", FOUR) == (21, 34)


def test_a_file_of_one_channel_has_one(tmp_path):
    array = values("uint16", (21, 34))
    np.save(tmp_path / "a.npy", array)
    tifffile.imwrite(tmp_path / "a.tif", array)
    for name in ("a.npy", "a.tif"):
        np.testing.assert_array_equal(read_values(tmp_path / name), array[..., None])


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_png_files_keep_all_channels_and_bits(tmp_path, channels, dtype):
    array = values(dtype, (21, 34, channels))
    order = [2, 1, 0, 3][:channels] if channels > 1 else [0]
    cv2.imwrite(str(tmp_path / "a.png"), array[..., order])
    np.testing.assert_array_equal(read_values(tmp_path / "a.png"), array)


def test_one_image_from_every_source(tmp_path):
    array = values("uint8", (21, 34, 4))
    np.save(tmp_path / "a.npy", array)
    tifffile.imwrite(tmp_path / "a.tif", array, photometric="minisblack", planarconfig="contig")
    Image.fromarray(array).save(tmp_path / "a.png")
    content = (tmp_path / "a.tif").read_bytes()
    tensor = torch.from_numpy(array).permute(2, 0, 1)
    sources = [
        *(tmp_path / f"a.{suffix}" for suffix in ("npy", "tif", "png")),
        str(tmp_path / "a.tif"), content, io.BytesIO(content), Image.fromarray(array),
        array, array[None], array[::-1][::-1], tensor, tensor[None],
    ]  # fmt: skip
    for source in sources:
        found = read_pixels(source, FOUR)
        np.testing.assert_array_equal(found, array)
        assert found.flags.c_contiguous


def test_photos_are_read_as_ever(tmp_path):
    photo = values("uint8", (21, 34, 3))
    Image.fromarray(photo).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_pixels(tmp_path / "a.png"), photo)
    np.testing.assert_array_equal(read_pixels(photo.astype(np.uint16) * 257), photo)


@pytest.mark.parametrize("planar", ["contig", "separate"])
def test_a_photo_of_16_bits_is_read_where_pillow_gives_up(tmp_path, planar):
    """Of a planar one, Pillow reads no more than the header."""
    photo = values("uint8", (21, 34, 3))
    deep = photo.astype(np.uint16) * 257
    stored = np.moveaxis(deep, 2, 0) if planar == "separate" else deep
    tifffile.imwrite(tmp_path / "a.tif", stored, photometric="rgb", planarconfig=planar)
    assert np.abs(read_image(tmp_path / "a.tif").astype(int) - photo).max() <= 1


@pytest.mark.parametrize("dtype", ["uint16", "float32"])
@pytest.mark.parametrize("channels", [2, 4, 5, 13])
def test_a_photo_cannot_be_made_of_channels(tmp_path, dtype, channels):
    array = values(dtype, (21, 34, channels))
    np.save(tmp_path / "a.npy", array)
    tifffile.imwrite(tmp_path / "a.tif", array, photometric="minisblack", planarconfig="contig")
    for name, what in (("a.tif", rf"a TIFF of {channels} channels"), ("a.npy", "a NumPy array")):
        with pytest.raises(ImageError, match=rf"{name}: holds {what}.*data\.channels"):
            read_image(tmp_path / name)


def test_without_tifffile_the_message_says_what_to_install(tmp_path, monkeypatch):
    import sys

    tifffile.imwrite(tmp_path / "a.tif", values("uint16"), photometric="minisblack",
                     planarconfig="contig", compression="deflate")  # fmt: skip
    for package in ("imagecodecs", "tifffile"):
        monkeypatch.setitem(sys.modules, package, None)
        with pytest.raises(MissingPackageError, match=rf"{package} .*contextseg\[bands\]"):
            read_values(tmp_path / "a.tif")
