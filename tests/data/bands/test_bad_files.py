"""Files that lie about themselves are refused before memory is taken for what they claim."""

from __future__ import annotations

import io
import tracemalloc
import zipfile
import zlib

import numpy as np
import pytest
import tifffile
from PIL import Image

from contextseg.data.bands.read import read_header, read_values
from contextseg.data.picture_files import ImageError

ARRAY = np.arange(16 * 24 * 4, dtype=np.uint16).reshape(16, 24, 4)


def tiff(array=ARRAY, **options):
    buffer = io.BytesIO()
    options = {"photometric": "minisblack", "planarconfig": "contig", **options}
    tifffile.imwrite(buffer, array, **options)
    return buffer.getvalue()


def retagged(content, tag, value):
    """A file with another number in a tag of its first image."""
    with tifffile.TiffFile(io.BytesIO(content)) as file:
        place = file.pages[0].tags[tag]
    at, size = place.valueoffset, 2 if int(place.dtype) == 3 else 4
    return content[:at] + int(value).to_bytes(size, "little") + content[at + size :]


def npy(shape, dtype="<u2", data=b"", order=False):
    buffer = io.BytesIO()
    header = {"shape": shape, "fortran_order": order, "descr": dtype}
    np.lib.format.write_array_header_1_0(buffer, header)
    return buffer.getvalue() + data


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (npy((60_000, 60_000, 4)), "more than the limit"),
        (npy((100, 100, 400_000)), "400000 channels"),
        (npy((100, 100, 4), data=bytes(100)), "is cut off"),
        (npy((0, 100, 4)), "0 rows"),
        (npy((-1, 100, 4)), "-1 rows"),
        (npy((8,)), r"must hold one image"),
        (npy((2, 8, 8, 3)), r"must hold one image"),
        (npy((8, 8, 3), "|O"), "type object"),
        (npy((8, 8, 3), "<c8", bytes(1536)), "type complex64"),
        (npy((8, 8, 3), "|S4", bytes(768)), "holds values of type"),
        (npy((8, 8, 3), "|b1", bytes(192)), "type bool"),
        (b"\x93NUMPY\x03\x00" + bytes(100), r"version 3\.0"),
        (b"\x93NUMPY\x01\x00\xff\xff" + b"(" * 70_000, "cannot be read as a .npy file"),
        (b"\x93NUMPY\x01\x00", "cannot be read as a .npy file"),
        (tiff()[:200], "cannot be read"),
        (tiff()[:-300], "cannot be read"),
        (b"II*\0" + bytes(40), "cannot be read"),
        (b"MM\0+" + b"\xff" * 40, "cannot be read"),
        (retagged(tiff(), 256, 2**31), "more than the limit"),
        (retagged(tiff(tile=(16, 16)), 322, 2**16), "cannot be read|is damaged"),
        (tiff(np.zeros((16, 16, 16, 3), np.uint8), volumetric=True, tile=(16, 16, 16),
              photometric="rgb"), "no image of rows, columns and channels"),
        (tiff(ARRAY[..., :3].astype(np.uint8), compression="jpeg", photometric="rgb"),
         r"compression \(7\) is not read"),
        (tiff((ARRAY[..., 0] % 256).astype(np.uint8), photometric="palette",
              colormap=np.zeros((3, 256), np.uint16), planarconfig=None), "photometric"),
        (tiff(extratags=[(274, 3, 1, 6, True)]), "stored turned"),
    ],
)  # fmt: skip
def test_what_cannot_be_trusted_is_refused(tmp_path, content, message):
    path = tmp_path / "a.bin"
    path.write_bytes(content)
    with pytest.raises(ImageError, match=message) as told:
        read_values(path)
    assert str(path) in str(told.value)
    assert len(str(told.value)) < 600


def test_a_small_file_does_not_unpack_to_a_large_one(tmp_path):
    """A strip of 16 rows that unpacks to 512 MiB."""
    stream = zlib.compressobj(9)
    bomb = b"".join([*(stream.compress(bytes(1 << 20)) for _ in range(512)), stream.flush()])
    content = tiff(compression="deflate")
    with tifffile.TiffFile(io.BytesIO(content)) as file:
        tags = file.pages[0].tags
        places = [tags[name].valueoffset for name in ("StripOffsets", "StripByteCounts")]
    for at, number in zip(places, (len(content), len(bomb)), strict=True):
        content = content[:at] + number.to_bytes(4, "little") + content[at + 4 :]
    path = tmp_path / "bomb.tif"
    path.write_bytes(content + bomb)
    tracemalloc.start()
    try:
        with pytest.raises(ImageError, match=r"bomb\.tif: cannot be read"):
            read_values(path)
        assert tracemalloc.get_traced_memory()[1] < 50 << 20
    finally:
        tracemalloc.stop()


def test_the_limit_counts_channels_and_can_be_raised(tmp_path, monkeypatch):
    np.save(tmp_path / "a.npy", np.zeros((10, 20, 7), np.uint16))
    monkeypatch.setenv("CONTEXTSEG_MAX_PIXELS", "599")  # three times 10 x 20: seven channels
    for read in (read_values, read_header):
        with pytest.raises(ImageError, match="CONTEXTSEG_MAX_PIXELS=600"):
            read(tmp_path / "a.npy")
    monkeypatch.setenv("CONTEXTSEG_MAX_PIXELS", "600")
    assert read_values(tmp_path / "a.npy").shape == (10, 20, 7)


def test_nothing_in_an_array_file_is_executed(tmp_path):
    class Payload:
        def __reduce__(self):
            return (tmp_path.joinpath("ran").touch, ())

    np.save(tmp_path / "a.npy", np.full((4, 4, 3), Payload(), object), allow_pickle=True)
    with pytest.raises(ImageError, match="type object"):
        read_values(tmp_path / "a.npy")
    assert not (tmp_path / "ran").exists()


def test_other_files_and_pictures_without_channels(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("x.npy", b"")
    with pytest.raises(ImageError, match=r"a\.npz: cannot be read"):
        read_values(tmp_path / "a.npz")
    Image.new("CMYK", (8, 8)).save(tmp_path / "a.jpg")
    with pytest.raises(ImageError, match="PIL mode CMYK"):
        read_values(tmp_path / "a.jpg")
    with pytest.raises(ImageError, match="no such file"):
        read_values(tmp_path / "absent.tif")
    with pytest.raises(ImageError, match="cannot be read"):
        read_values(tmp_path)
