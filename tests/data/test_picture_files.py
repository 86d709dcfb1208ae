"""Which files are decoded at all: a few formats, up to a number of pixels."""

from __future__ import annotations

import ast
import os
import struct
import subprocess
import sys
import threading
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from contextseg.data.images import ImageError, image_size, read_image, read_mask
from contextseg.data.picture_files import FORMATS, opened_picture
from tests.data.pictures import photo, write_png

SOURCE = Path(__file__).parents[2] / "src" / "contextseg"

EPS = b"""%!PS-Adobe-3.0 EPSF-3.0
%%BoundingBox: 0 0 20 20
%%EndComments
(touched) (w) file closefile
%%EOF
"""
WMF = b"\xd7\xcd\xc6\x9a\0\0" + struct.pack("<4hHI", 0, 0, 100, 100, 72, 0) + b"\0" * 40
FITS = (
    b"".join(
        card.ljust(80)
        for card in (
            b"SIMPLE  =                    T",
            b"BITPIX  =                    8",
            b"NAXIS   =                    2",
            b"NAXIS1  =                    4",
            b"NAXIS2  =                    4",
            b"END",
        )
    ).ljust(2880)
    + b"\0" * 2880
)
FLI = struct.pack("<IHHHHHHI", 128, 0xAF11, 0, 4, 4, 8, 3, 70).ljust(128, b"\0")


def other_formats() -> dict[str, bytes]:
    """Pictures that PIL would read."""
    import io

    found = {"eps": EPS, "wmf": WMF, "fits": FITS, "fli": FLI, "pdf": b"%PDF-1.4\n%%EOF\n"}
    kinds = ("PPM", "TGA", "ICO", "PCX", "SGI", "DDS", "ICNS", "MSP", "XBM", "SPIDER")
    modes = {"MSP": "1", "XBM": "1", "SPIDER": "F"}
    for kind in kinds:
        buffer = io.BytesIO()
        Image.fromarray(photo(32, 32)).convert(modes.get(kind, "RGB")).save(buffer, kind)
        found[kind.lower()] = buffer.getvalue()
    return found


@pytest.mark.parametrize("suffix", ["jpg", "png", "tif"])
@pytest.mark.parametrize("kind", other_formats())
def test_other_formats_are_not_decoded_whatever_their_suffix(tmp_path, monkeypatch, kind, suffix):
    def no_program(*arguments: object, **options: object) -> None:
        raise AssertionError(f"a program was started: {arguments}")

    monkeypatch.setattr(subprocess, "Popen", no_program)
    monkeypatch.setattr(os, "system", no_program)
    path = tmp_path / f"{kind}.{suffix}"
    path.write_bytes(other_formats()[kind])
    for read in (read_image, read_mask, image_size):
        with pytest.raises(ImageError, match=rf"{path.name}: cannot be read: whatever its suffix"):
            read(path)


@pytest.mark.parametrize("kind", FORMATS)
def test_the_formats_are_recognised_by_their_content(tmp_path, kind):
    path = tmp_path / "a.eps"
    Image.fromarray(photo()).save(path, kind)
    assert read_image(path).shape == (40, 60, 3)
    with opened_picture(path) as image:
        assert image.format == kind


def test_one_function_opens_pictures():
    opening = [
        f"{path.name}:{node.lineno}"
        for path in SOURCE.rglob("*.py")
        if path.name != "standalone_script.py"  # which runs where contextseg is not
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and ast.unparse(node.func) in ("Image.open", "PIL.Image.open", "cv2.imread")
    ]
    assert [place.split(":")[0] for place in opening] == ["picture_files.py"]


def write_large(path: Path, rows: int, columns: int, kind: str) -> None:
    """A file whose header claims many pixels."""
    if kind == "png":
        write_png(path, np.zeros((1, 8), int), 8)
        content = bytearray(path.read_bytes())
        content[16:24] = struct.pack(">II", columns, rows)
        content[29:33] = struct.pack(">I", zlib.crc32(content[12:29]))
    else:
        Image.fromarray(photo()).save(path)
        content = bytearray(path.read_bytes())
        if kind == "webp":
            content[26:30] = struct.pack("<HH", columns, rows)
        elif kind == "bmp":
            content[18:26] = struct.pack("<ii", columns, rows)
    path.write_bytes(content)


@pytest.mark.parametrize("read", [read_image, image_size, read_mask])
@pytest.mark.parametrize(
    ("kind", "size"), [("png", (20000, 9000)), ("bmp", (20000, 9000)), ("webp", (16000, 16000))]
)
def test_too_many_pixels(tmp_path, kind, size, read, monkeypatch):
    monkeypatch.delenv("CONTEXTSEG_MAX_PIXELS", raising=False)
    path = tmp_path / f"a.{kind}"
    write_large(path, *size, kind)
    words = rf"a\.{kind}: has {size[0]} x {size[1]} = .* more than the limit of 178,956,970"
    way = r".* contextseg predict .* -o FILE\.tif \(docs/rasters\.md\)"
    with pytest.raises(ImageError, match=words + way + r".* CONTEXTSEG_MAX_PIXELS=\d+\."):
        read(path)


def test_the_limit_of_16_bit_colour_tiffs(tmp_path, monkeypatch):
    import cv2

    path = tmp_path / "a.tif"
    cv2.imwrite(str(path), photo().astype(np.uint16) * 257)
    assert read_image(path).shape == (40, 60, 3)
    monkeypatch.setenv("CONTEXTSEG_MAX_PIXELS", "2399")
    for read in (read_image, image_size):
        with pytest.raises(ImageError, match=r"40 x 60 = 2,400 pixels, more than .* 2,399"):
            read(path)


@pytest.mark.parametrize("kind", ["jpg", "png", "webp", "bmp", "tif", "gif"])
def test_the_way_on_and_no_warnings_of_bombs(tmp_path, monkeypatch, kind):
    path = tmp_path / f"a.{kind}"
    Image.fromarray(photo()).save(path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1200)  # PIL warns from here to twice as many
        assert read_image(path).shape == (40, 60, 3)
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1199)
        with pytest.raises(ImageError, match="more than the limit of 2,398"):
            read_image(path)
        monkeypatch.setenv("CONTEXTSEG_MAX_PIXELS", "2_400")
        assert read_image(path).shape == (40, 60, 3)
        assert image_size(path) == (40, 60)
        monkeypatch.setenv("CONTEXTSEG_MAX_PIXELS", "many")
        with pytest.raises(ImageError, match="CONTEXTSEG_MAX_PIXELS must be a whole number"):
            read_image(path)
        monkeypatch.delenv("CONTEXTSEG_MAX_PIXELS")
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
        assert read_image(path).shape == (40, 60, 3)


def test_pils_own_limit_is_back_afterwards(tmp_path):
    path, limit = tmp_path / "a.png", Image.MAX_IMAGE_PIXELS
    Image.fromarray(photo()).convert("L").save(path)
    with opened_picture(path), opened_picture(path):
        assert Image.MAX_IMAGE_PIXELS is None
    threads = [
        threading.Thread(target=lambda: [read_mask(path) for _ in range(50)]) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert limit == Image.MAX_IMAGE_PIXELS


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_process_that_is_forked_meanwhile_can_read_and_has_the_limit(tmp_path):
    path, limit = tmp_path / "a.png", Image.MAX_IMAGE_PIXELS
    Image.fromarray(photo()).save(path)
    with opened_picture(path):
        child = os.fork()
        if not child:
            good = limit == Image.MAX_IMAGE_PIXELS and read_image(path).shape == (40, 60, 3)
            os._exit(0 if good else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_ghostscript_is_not_even_looked_for(tmp_path):
    """In a process of its own, where an import of the plug-in would be seen."""
    (tmp_path / "eps.jpg").write_bytes(EPS)
    code = (
        "import sys\nfrom contextseg.data.images import read_image\n"
        f"try: read_image({str(tmp_path / 'eps.jpg')!r})\nexcept ValueError: pass\n"
        "print('PIL.EpsImagePlugin' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
