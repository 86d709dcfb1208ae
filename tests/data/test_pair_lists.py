"""Lists of pairs: any two files of the folder, and nothing outside of it."""

from __future__ import annotations

import pytest

from contextseg.data import open_dataset, splits_of
from tests.data.setup import variants as v

CLASSES = '{"classes": [{"id": 0, "name": "a"}, {"id": 1, "name": "b"}, {"id": 2, "name": "c"}, \
{"id": 3, "name": "d"}]}'


@pytest.fixture
def root(tmp_path):
    v.write(tmp_path / "d", "p q/{}.jpg", "m/{}_1.png", names=["a", "b", "ü"])
    (tmp_path / "d/classes.json").write_text(CLASSES)
    (tmp_path / "d/splits").mkdir()
    return tmp_path / "d"


def test_pairs_are_read_in_their_order(root):
    text = "\ufeffp q/b.jpg\tm/b_1.png\r\n\r\np q\\a.jpg\tm\\a_1.png\r\np q/u\u0308.jpg\tm/ü_1.png"
    (root / "splits/train.txt").write_bytes(text.encode())
    assert splits_of(str(root)) == ["train"]
    dataset = open_dataset(str(root), "train")
    assert dataset.names == ["p q/b", "p q/a", "p q/ü"]
    assert (dataset[0].labels == v.labels(1)).all()
    with pytest.raises(ValueError, match="val"):
        open_dataset(str(root), "val")


def test_lists_of_pairs_alone_name_the_splits(root):
    v.write(root, "images/old/{}.jpg", "masks/old/{}.png", names=["a", "b"])
    assert splits_of(str(root)) == ["old"]
    (root / "splits/train.txt").write_text("p q/a.jpg\tm/a_1.png\n")
    assert splits_of(str(root)) == ["train"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("p q/a.jpg\tm/a_1.png\nb\n", r"train.txt: entry 2, 'b', must be an image, a tab and its"),
        ("p q/a.jpg\tm/a_1.png\tm/b_1.png\n", r"entry 1, .* must be an image, a tab"),
        ("p q/a.jpg\tm/a_1.png\np q/b.jpg\t\n", r"entry 2, 'p q/b.jpg', must be an image"),
        ("p q/a.jpg\t../d/m/a_1.png\n", r"entry 1: ../d/m/a_1.png leads out of"),
        ("/etc/hosts\tm/a_1.png\n", r"entry 1: /etc/hosts leads out of"),
        ("C:\\a.jpg\tm/a_1.png\n", r"leads out of"),
        ("p q/a.jpg\tm/no.png\n", r"entry 1: there is no file m/no.png"),
        ("p q/a.jpg\tm/a_1.png\np q/a.jpg\tm/b_1.png\n", r"p q/a listed more than once"),
    ],
)
def test_mistakes_are_named(text, message, root):
    (root / "splits/train.txt").write_text(text)
    with pytest.raises(ValueError, match=message):
        open_dataset(str(root), "train")


def test_classes_are_needed_and_it_is_said_how_to_get_them(root):
    (root / "splits/train.txt").write_text("p q/a.jpg\tm/a_1.png\n")
    (root / "classes.json").unlink()
    with pytest.raises(ValueError, match=r"classes.json: there is no such file.*data init"):
        open_dataset(str(root), "train")


def test_a_missing_file_is_skipped_and_named_without_strictness(root):
    (root / "splits/train.txt").write_text("p q/a.jpg\tm/a_1.png\np q/b.jpg\tm/b.png\n")
    dataset = open_dataset(str(root), "train", strict=False)
    assert dataset.names == ["p q/a"]
    assert len(dataset.problems) == 1
    assert "m/b.png" in dataset.problems[0]
