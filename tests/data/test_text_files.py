"""Lists and JSON files as editors, shells and file systems leave them."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from contextseg.data.classes import Classes
from contextseg.data.classification.folder import LabelledFolder
from contextseg.data.folder import FolderDataset
from contextseg.data.name_lists import read_names
from contextseg.data.text_files import read_json
from tests.data import native

CLASSES = '{"classes": [{"id": 0, "name": "sky"}, {"id": 1, "name": "road"}]}'
COMPOSED = "caf\u00e9"
DECOMPOSED = unicodedata.normalize("NFD", COMPOSED)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A dataset of three images, two of them in a sub-folder."""
    for name in (DECOMPOSED, "s/b", "s/c d"):
        native.save(tmp_path / f"images/train/{name}.jpg", native.photo(0))
        native.save(tmp_path / f"masks/train/{name}.png", np.zeros(native.SIZE, np.uint8))
    (tmp_path / "classes.json").write_text(CLASSES)
    (tmp_path / "splits").mkdir()
    return tmp_path


@pytest.mark.parametrize(
    "text",
    [
        f"{COMPOSED}\ns/b\n",
        f"\ufeff{COMPOSED}\ns/b\n",
        f"{COMPOSED}\r\ns/b\r\n",
        f"{COMPOSED}\rs/b\r",
        f"  {COMPOSED} \t\n\n s/b  ",
        f"{DECOMPOSED}\ns/b",
        f"{COMPOSED}.jpg\ns/b.png\n",
        f"{COMPOSED}\ns\\b\n",
    ],
    ids=["plain", "mark", "CRLF", "CR", "white space", "NFD", "suffixes", "Windows"],
)
def test_a_list_is_read_however_it_was_saved(root, text):
    (root / "splits/train.txt").write_bytes(text.encode())
    dataset = FolderDataset(root, "train")
    assert dataset.names == [COMPOSED, "s/b"]
    assert dataset[0].name == COMPOSED


def test_names_are_composed_whatever_the_file_system_keeps(root):
    (root / f"masks/train/{DECOMPOSED}.png").rename(root / f"masks/train/{COMPOSED}.png")
    assert FolderDataset(root, "train").names == [COMPOSED, "s/b", "s/c d"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a\n".encode("utf-16"), "is UTF-16. Save it as UTF-8"),
        ("a\n".encode("utf-16-le"), "is UTF-16, or not a text file"),
        ("a\n".encode("utf-32"), "is UTF-32"),
        ("caf\u00e9\n".encode("latin-1"), r"is not UTF-8 \(line 1\)"),
        (f"{COMPOSED}\n{DECOMPOSED}\n".encode(), "listed more than once"),
    ],
)
def test_the_list_is_named_where_it_cannot_be_read(root, content, message):
    path = root / "splits/train.txt"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message) as caught:
        FolderDataset(root, "train")
    assert str(caught.value).startswith(f"{path}: ")


def test_a_list_that_is_a_folder(root):
    path = root / "splits/train.txt"
    path.mkdir()
    with pytest.raises(ValueError, match=r"train\.txt: is a folder, but a text file is expected"):
        FolderDataset(root, "train")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"classes": [], "classes": []}', 'the key "classes" occurs twice'),
        ('{"classes": [{"id": 0, "id": 1, "name": "a"}]}', 'the key "id" occurs twice'),
        ("[" * 200_000, "nests more than 32 levels deep"),
        ("{", "Expecting property name"),
    ],
)
def test_json_that_is_refused_is_named(tmp_path, text, message):
    path = tmp_path / "classes.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=message) as caught:
        Classes.read(path)
    assert str(caught.value).startswith(f"{path}: ")


def test_classes_with_a_mark_and_in_another_encoding(tmp_path):
    path = tmp_path / "classes.json"
    path.write_bytes(b"\xef\xbb\xbf" + CLASSES.encode())
    assert Classes.read(path).names == ["sky", "road"]
    path.write_text(json.dumps({"classes": [{"id": 0, "name": DECOMPOSED}]}))
    assert Classes.read(path).names == [COMPOSED]
    path.write_bytes(CLASSES.encode("utf-16"))
    with pytest.raises(ValueError, match=r"classes\.json: is UTF-16"):
        read_json(path)


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("2007_000032", "2007_000032"),
        ("/JPEGImages/2007_000032.jpg /SegmentationClass/2007_000032.png", "2007_000032"),
        ("my photo", "my photo"),
        ("take.v2", "take.v2"),
        ("street/0001", "street/0001"),
        ("0001.jpg", "0001"),
    ],
)
def test_lines_of_public_lists(tmp_path, line, name):
    path = tmp_path / "train.txt"
    path.write_bytes(b"\xef\xbb\xbf" + line.encode() + b" \r\n")
    assert read_names(path) == [name]
    path.write_text(f"{line}\n{line}\n")
    with pytest.raises(ValueError, match=r"train\.txt: .* listed more than once"):
        read_names(path)


def test_lists_of_labelled_images_too(tmp_path):
    for name in ("a/1.jpg", "b/2.jpg"):
        native.save(tmp_path / "images" / name, Image.new("RGB", (8, 8)))
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels/train1.txt").write_bytes(b"\xef\xbb\xbfa/1.jpg\r\nb/2.jpg\r\n")
    assert len(LabelledFolder(tmp_path, "train")) == 2
    (tmp_path / "labels/train1.txt").write_bytes("a/1.jpg\n".encode("utf-16"))
    with pytest.raises(ValueError, match=r"train1\.txt: is UTF-16"):
        LabelledFolder(tmp_path, "train")
