"""Archives whose bytes do not depend on the machine that writes them."""

from __future__ import annotations

import tarfile

from contextseg.system.tar_writer import tar_writer

CONTENTS = {"a.txt": b"short", "straße/é.bin": bytes(700), "empty": b"", "n" * 180: b"x" * 512}


def test_contents_are_where_the_writer_says(tmp_path):
    path = tmp_path / "a.tar"
    with tar_writer(path) as tar:
        offsets = {name: tar.add(name, content) for name, content in CONTENTS.items()}
        assert tar.size % tarfile.BLOCKSIZE == 0
    data = path.read_bytes()
    for name, content in CONTENTS.items():
        assert data[offsets[name] : offsets[name] + len(content)] == content
    with tarfile.open(path, encoding="utf-8") as tar:
        assert tar.getnames() == [*CONTENTS]
        assert {(info.mtime, info.uid, info.gid, info.uname) for info in tar} == {(0, 0, 0, "")}


def test_another_locale_gives_the_same_bytes(tmp_path, monkeypatch):
    archives = []
    for encoding in ("utf-8", "latin-1"):
        monkeypatch.setattr(tarfile.TarFile, "encoding", encoding)
        with tar_writer(tmp_path / encoding) as tar:
            tar.add("straße", b"")
        archives.append((tmp_path / encoding).read_bytes())
    assert archives[0] == archives[1]
