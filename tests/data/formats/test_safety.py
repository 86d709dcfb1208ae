"""What an export from elsewhere may not do: reach other files, or fill memory and disk."""

from __future__ import annotations

import os
import stat
import zipfile
from pathlib import Path

import pytest

from contextseg.data import open_dataset
from contextseg.data.formats import import_data, recognise, unzip
from contextseg.data.formats.documents import FormatError, read_xml
from tests.data.formats import exports
from tests.data.formats.exports import EXPORTS, FORMAT_OF, dump, photo, write


def reference(root: Path, name: str) -> None:
    dump(root / "b.json", exports.labelme_document(imagePath=name))


def test_paths_outside_are_followed_only_if_asked(tmp_path):
    root = tmp_path / "e"
    exports.labelme(root)
    secret = photo(tmp_path / "secret.png")
    for name in ("../secret.png", str(secret), "..\\secret.png", f"x/../../{secret.name}"):
        reference(root, name)
        out = tmp_path / f"out{len(os.listdir(tmp_path))}"
        report = import_data(root, out, val=0)
        (fault,) = report.log.faults
        assert fault.startswith("b.json: there is no image")
        assert "--allow-outside" in fault
        assert open_dataset(str(out), "train").names == ["a"]
    for name in ("../secret.png", str(secret)):
        reference(root, name)
        out = tmp_path / f"out{len(os.listdir(tmp_path))}"
        report = import_data(root, out, val=0, allow_outside=True)
        assert report.log.faults == []
        assert open_dataset(str(out), "train").names == ["a", "secret"]


@pytest.mark.parametrize(
    "name",
    ["../images/b.png", "C:\\Users\\me\\images\\b.png", "/home/me/images/b.png", "b.png",
     "./images/b.png", "images\\b.png"],
)  # fmt: skip
def test_paths_of_another_machine_find_the_image_in_the_export(name, tmp_path):
    exports.labelme(tmp_path / "e")
    photo(tmp_path / "e" / "images" / "b.png")
    photo(tmp_path / "images" / "b.png", size=(3, 3))  # not the one
    reference(tmp_path / "e", name)
    report = import_data(tmp_path / "e", tmp_path / "out", val=0)
    assert report.log.faults == []
    assert open_dataset(str(tmp_path / "out"), "train").names == ["a", "b"]


def test_an_image_that_could_be_two_is_not_guessed(tmp_path):
    exports.labelme(tmp_path / "e")
    for folder in ("x", "y"):
        photo(tmp_path / "e" / folder / "b.png")
    reference(tmp_path / "e", "/data/b.png")
    (fault,) = import_data(tmp_path / "e", tmp_path / "out").log.faults
    assert "could be x/b.png or y/b.png" in fault
    reference(tmp_path / "e", "/data/y/b.png")
    assert import_data(tmp_path / "e", tmp_path / "out2").log.faults == []


def test_links_that_lead_outside_are_not_followed(tmp_path):
    root = tmp_path / "e"
    exports.labelme(root)
    secret = photo(tmp_path / "elsewhere" / "b.png")
    (root / "b.png").symlink_to(secret)
    reference(root, "b.png")
    (fault,) = import_data(root, tmp_path / "out").log.faults
    assert "b.png is a link that leads outside" in fault
    (root / "b.png").unlink()
    (root / "inner").symlink_to(secret.parent)
    reference(root, "inner/b.png")
    (fault,) = import_data(root, tmp_path / "out2").log.faults
    assert "there is no image" in fault
    assert import_data(root, tmp_path / "out3", allow_outside=True).log.faults == []


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le", "utf-16-be"])
def test_a_document_type_is_refused_in_every_encoding(encoding, tmp_path):
    text = '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaa">]><x>&a;</x>'
    path = tmp_path / "bomb.xml"
    path.write_bytes(("\ufeff" + text).encode(encoding))
    with pytest.raises(FormatError, match="has a document type"):
        read_xml(path)
    path.write_bytes(("\ufeff<x><y>é</y></x>").encode(encoding))
    assert read_xml(path)[0].text == "é"


def test_entities_of_xml_are_not_expanded(tmp_path):
    exports.cvat(tmp_path / "e")
    photo(tmp_path / "e" / "images" / "b.png")
    bomb = '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]>'
    text = exports.cvat_text(image="b.png").replace("<annotations>", bomb + "<annotations>")
    write(tmp_path / "e" / "bomb.xml", text)
    (fault,) = import_data(tmp_path / "e", tmp_path / "out").log.faults
    assert fault.startswith("bomb.xml: has a document type")


def archive(root: Path, path: Path) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as opened:
        for file in sorted(root.rglob("*")):
            if file.is_file():
                opened.write(file, file.relative_to(root).as_posix())
    return path


@pytest.mark.parametrize("kind", [kind for kind in EXPORTS if kind != "parquet"])
def test_an_archive_is_an_export(kind, tmp_path):
    EXPORTS[kind](tmp_path / "e") if kind != "masks" else exports.masks(tmp_path / "e")
    path = archive(tmp_path / "e", tmp_path / "my export.zip")
    assert recognise(path) == FORMAT_OF.get(kind, kind)
    report = import_data(path, tmp_path / "out", val=0)
    assert report.log.faults == []
    assert report.classes.dataset == "my export"
    assert open_dataset(str(tmp_path / "out"), "train").names == ["a"]
    assert sorted(file.name for file in tmp_path.iterdir()) == ["e", "my export.zip", "out"]
    with pytest.raises(ValueError, match="copied, not linked"):
        import_data(path, tmp_path / "out2", images="symlink")


def test_entries_outside_links_and_secrets_are_left_out(tmp_path):
    exports.labelme(tmp_path / "e")
    path = archive(tmp_path / "e", tmp_path / "x.zip")
    link = zipfile.ZipInfo("link.png")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(path, "a") as opened:
        for name in ("../evil.png", "/evil.png", "C:/evil.png", "x/../../evil.png", "..\\evil.png"):
            opened.writestr(name, b"x")
        opened.writestr(link, "/etc/passwd")
    report = import_data(path, tmp_path / "out")
    assert len(report.log.faults) == 6
    assert sum("outside the folder" in fault for fault in report.log.faults) == 5
    assert any("link.png: is a link" in fault for fault in report.log.faults)
    assert not list(tmp_path.rglob("evil.png"))
    assert recognise(path) == "labelme"


@pytest.mark.parametrize(
    "names",
    [("x.txt", "x.txt/b.txt"), ("x/b.txt", "x"), ("a" * 300 + ".txt",), ("b/" * 3000 + "x",)],
)
def test_entries_whose_names_no_disk_takes_are_left_out(names, tmp_path):
    exports.labelme(tmp_path / "e")
    path = archive(tmp_path / "e", tmp_path / "x.zip")
    with zipfile.ZipFile(path, "a") as opened:
        for name in names:
            opened.writestr(name, b"x")
    report = import_data(path, tmp_path / "out", val=0)
    (fault,) = report.log.faults
    assert fault.startswith(f"{path}: {names[-1][:100]}")
    assert "cannot be unpacked: " in fault
    assert open_dataset(str(tmp_path / "out"), "train").names == ["a"]


def test_an_archive_that_unpacks_to_too_much_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(unzip, "ALLOWANCE", 1000)
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as opened:
        opened.writestr("a.json", b"0" * 2_000_000)
    with pytest.raises(ValueError, match=r"would unpack to 2,000,000 bytes.*more than the limit"):
        import_data(path, tmp_path / "out")
    # A header that lies.
    data = bytearray(path.read_bytes())
    size = (2_000_000).to_bytes(4, "little")
    while (at := data.find(size)) >= 0:
        data[at : at + 4] = (1000).to_bytes(4, "little")
    path.write_bytes(data)
    with pytest.raises(ValueError, match=r"bomb\.zip"):
        import_data(path, tmp_path / "out")
    assert [file.name for file in tmp_path.iterdir()] == ["bomb.zip"]


def test_a_damaged_archive_is_one_message(tmp_path):
    path = tmp_path / "x.zip"
    path.write_bytes(b"PK\x03\x04 and nothing else")
    assert recognise(path) is None
    with pytest.raises(ValueError, match="is no zip file"):
        import_data(path, tmp_path / "out")
    assert [file.name for file in tmp_path.iterdir()] == ["x.zip"]


def test_nothing_is_left_of_an_import_that_was_stopped(tmp_path, monkeypatch):
    from contextseg.data.formats import importing

    exports.labelme(tmp_path / "e")

    def stopped(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(importing, "publish", stopped)
    with pytest.raises(KeyboardInterrupt):
        import_data(tmp_path / "e", tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["e"]


def test_an_empty_folder_is_filled(tmp_path):
    exports.labelme(tmp_path / "e")
    (tmp_path / "out").mkdir()
    import_data(tmp_path / "e", tmp_path / "out", val=0)
    assert open_dataset(str(tmp_path / "out"), "train").names == ["a"]


@pytest.mark.parametrize(
    "split", ["../../out/x", "/tmp/x", "..", ".", "a/../../b", "\0", "x" * 999]
)
def test_names_of_splits_lead_nowhere(split, tmp_path):
    exports.labelstudio(tmp_path / "e")
    (task,) = exports.label_studio_tasks()
    task["data"]["split"] = split
    dump(tmp_path / "e" / "project-1.json", [task])
    import_data(tmp_path / "e", tmp_path / "out")
    (folder,) = (tmp_path / "out" / "images").iterdir()
    assert [path.name for path in folder.iterdir()] == ["a.png"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["e", "out"]
