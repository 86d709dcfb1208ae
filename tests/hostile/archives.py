"""Zip files that would write elsewhere, grow, or are broken; nothing in them is worth importing."""

from __future__ import annotations

import io
import stat
import struct
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

from tests.data.formats import exports

Write = Callable[[Path], object]


def members(*names: str, content: bytes = b"{}", mode: int = 0, flag: int = 0) -> Write:
    """An archive of members with some names."""

    def write(path: Path) -> None:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name in names:
                entry = zipfile.ZipInfo(name)
                entry.external_attr = mode << 16
                archive.writestr(entry, content)
        if flag:
            data = bytearray(path.read_bytes())
            for at in (6, data.index(b"PK\1\2") + 8):
                data[at] |= flag
            path.write_bytes(data)

    return write


def claimed(size: int) -> Write:
    """A member that says it unpacks to so many bytes."""

    def write(path: Path) -> None:
        members("a.json")(path)
        data = bytearray(path.read_bytes())
        for at in (22, data.index(b"PK\1\2") + 24):
            data[at : at + 4] = struct.pack("<I", size)
        path.write_bytes(data)

    return write


def repeated(path: Path) -> None:
    """Ten thousand entries of the directory that are one member: 20 GB in all."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.json", bytes(2_000_000))
    data = path.read_bytes()
    at, end = data.index(b"PK\1\2"), data.index(b"PK\5\6")
    number = 10_000
    directory = data[at:end] * number
    closing = struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, number, number, len(directory), at, 0)
    path.write_bytes(data[:at] + directory + closing)


def nested(path: Path) -> None:
    """Archives in archives; only the outermost is opened."""
    content = b"{}"
    for level in range(30):
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr(f"{level}.zip", content)
        content = file.getvalue()
    path.write_bytes(content)


def tar(path: Path) -> None:
    """A tar that calls itself a zip, with a member outside."""
    with tarfile.open(path, "w:gz") as archive:
        archive.addfile(tarfile.TarInfo("../evil"))


def damaged(at: int, content: bytes) -> Write:
    """A good export with other bytes at a place."""

    def write(path: Path) -> None:
        root = path.with_suffix("")
        exports.labelme(root)
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.write(root / "a.json", "a.json")
        data = path.read_bytes()
        start = at % len(data)
        path.write_bytes(data[:start] + content + data[start + len(content) :])

    return write


ARCHIVES: dict[str, Write] = {
    "above.zip": members("../evil.json", "../../evil.json"),
    "within.zip": members("x/../../evil.json"),
    "root.zip": members("/evil.json"),
    "drive.zip": members("C:/evil.json", "C:evil.json"),
    "backslash.zip": members("..\\evil.json", "\\evil.json"),
    "link.zip": members("a.json", content=b"/etc/passwd", mode=stat.S_IFLNK | 0o777),
    "folder-link.zip": members("a", "a/evil.json", content=b"..", mode=stat.S_IFLNK | 0o777),
    "pipe.zip": members("a.json", mode=stat.S_IFIFO | 0o777),
    "device.zip": members("a.json", mode=stat.S_IFCHR | 0o777),
    "encrypted.zip": members("a.json", flag=1),
    "twice.zip": members("a.json", "A.json", "a.json"),
    "both.zip": members("a.json", "a.json/b.json"),
    "long.zip": members("a" * 300 + ".json", "b/" * 2000 + "c.json"),
    "letters.zip": members("a\n.json", "\x1b[31m.json", "con.json", "a:b.json"),
    "nothing.zip": members(),
    "claims.zip": claimed(2**32 - 2),
    "overlapping.zip": repeated,
    "nested.zip": nested,
    "tar.zip": tar,
    "cut.zip": damaged(40, b""),
    "data.zip": damaged(60, b"\xff" * 40),
    "directory.zip": damaged(-60, b"\xff" * 30),
    "end.zip": damaged(-20, b"\xff" * 20),
    "noise.zip": lambda path: path.write_bytes(b"PK\3\4" + bytes(range(256)) * 9),
    "empty.zip": lambda path: path.touch(),
}
"""Files by name."""
