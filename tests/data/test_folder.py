"""Folder datasets: what they read, and what they say of a folder that is not as it should be."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from contextseg.data import open_dataset
from contextseg.data.classes import Classes
from contextseg.data.folder import FolderDataset, write_folder
from contextseg.data.images import write_mask
from contextseg.data.masks import read_labels
from contextseg.data.shapes import ShapesDataset
from tests.data.pictures import photo, save_turned

CLASSES = {
    "ignore_label": 9,
    "classes": [
        {"id": 0, "name": "sky", "color": [1, 2, 3]},
        {"id": 4, "name": "road", "color": [128, 64, 128]},
    ],
}
BINARY = {"classes": [{"id": 0, "name": "background"}, {"id": 1, "name": "thing"}]}
MASK = np.array([[0, 0, 4], [4, 9, 255]], np.uint8)
LABELS = [[0, 0, 1], [1, 255, 255]]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A dataset of two images, a and b."""
    for kind in ("images", "masks"):
        (tmp_path / kind / "train").mkdir(parents=True)
    (tmp_path / "classes.json").write_text(json.dumps(CLASSES))
    for name, suffix in (("b", "png"), ("a", "JPG")):
        Image.fromarray(photo(2, 3)).save(tmp_path / f"images/train/{name}.{suffix}")
        Image.fromarray(MASK).save(tmp_path / f"masks/train/{name}.png")
    return tmp_path


def test_pairs_are_sorted_by_name(root):
    (root / "images/train/.hidden.jpg").write_bytes(b"")
    (root / "images/train/Thumbs.db").write_bytes(b"")
    dataset = open_dataset(str(root), "train")
    assert isinstance(dataset, FolderDataset)
    assert dataset.names == ["a", "b"]
    assert len(dataset) == 2
    sample = dataset[1]
    assert sample.name == "b"
    assert (sample.image == photo(2, 3)).all()
    assert sample.labels.tolist() == dataset.read_labels(1).tolist() == LABELS
    assert dataset.image_size(1) == (2, 3)
    assert dataset.image_path(0) == root / "images/train/a.JPG"
    assert dataset.mask_path(0) == root / "masks/train/a.png"
    assert len(list(dataset)) == 2


def test_a_list_restricts_and_orders_the_split(root):
    (root / "images/train/c.png").write_bytes(b"not used")
    (root / "splits").mkdir()
    (root / "splits/train.txt").write_text("b\n\na\n")
    assert FolderDataset(root, "train").names == ["b", "a"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a\na\n", "a listed more than once"),
        ("a\nbb\n", r"bb listed, but there is no image or .* Did you mean 'b'\?"),
        ("\n", "the split is empty"),
    ],
)
def test_a_wrong_list(root, text, message):
    (root / "splits").mkdir()
    (root / "splits/train.txt").write_text(text)
    with pytest.raises(ValueError, match=message):
        FolderDataset(root, "train")


def test_missing_folders_come_with_a_hint(root, monkeypatch):
    with pytest.raises(ValueError, match=r"trian: .*Did you mean '.*images/train'\?"):
        FolderDataset(root, "trian")
    with pytest.raises(ValueError, match=r"images holds the folders train"):
        FolderDataset(root, "xyz")
    with pytest.raises(ValueError, match=r"nowhere/deep: .*nowhere is missing too"):
        FolderDataset(root / "nowhere/deep", "train")
    with pytest.raises(ValueError, match=r"set data\.root"):
        FolderDataset("", "train")
    with monkeypatch.context() as here:
        here.chdir(root)
        with pytest.raises(ValueError, match=r"The current folder holds the folders images, masks"):
            FolderDataset("xyz", "train")
    (root / "masks").rename(root / "Masks")
    with pytest.raises(ValueError, match=r"masks: .*Did you mean '.*Masks'\?"):
        FolderDataset(root, "train")


def test_classes_json_is_asked_for_with_an_example(root):
    (root / "classes.json").unlink()
    with pytest.raises(ValueError, match=r"classes\.json: there is no such file") as caught:
        FolderDataset(root, "train")
    example = str(caught.value).split("\n", 1)[1]
    assert Classes.from_dict(json.loads(example)).names == ["background", "road"]


def test_an_image_without_a_mask_and_the_reverse(root):
    (root / "masks/train/a.png").rename(root / "masks/train/c.png")
    with pytest.raises(ValueError, match=r"images/train: a\.JPG without a file .*masks/train \(1 "):
        FolderDataset(root, "train")
    (root / "images/train/a.JPG").unlink()
    with pytest.raises(ValueError, match=r"masks/train: c\.png without a file .*images/train"):
        FolderDataset(root, "train")


def test_one_name_twice(root):
    Image.fromarray(photo(2, 3)).save(root / "images/train/a.png")
    with pytest.raises(ValueError, match=r"a\.JPG and a\.png have the same name"):
        FolderDataset(root, "train")


def test_masks_of_a_lossy_format(root):
    (root / "masks/train/a.png").rename(root / "masks/train/a.jpg")
    with pytest.raises(ValueError, match=r"a\.jpg: masks must be .* Save them as PNG"):
        FolderDataset(root, "train")


def test_an_empty_split(root):
    for path in (*(root / "images/train").iterdir(), *(root / "masks/train").iterdir()):
        path.unlink()
    with pytest.raises(ValueError, match="split 'train' is empty"):
        FolderDataset(root, "train")


def test_a_mask_of_another_size(root):
    Image.fromarray(photo(4, 3)).save(root / "images/train/b.png")
    dataset = FolderDataset(root, "train")
    for read in (dataset.__getitem__, dataset.read_labels):
        with pytest.raises(ValueError, match=r"b\.png: the mask has 2 rows and 3 columns, .* 4 an"):
            read(1)


def test_an_unknown_id(root):
    Image.fromarray(np.where(MASK == 4, 7, MASK).astype(np.uint8)).save(root / "masks/train/b.png")
    with pytest.raises(ValueError, match=r"masks/train/b\.png: holds id 7 \(2 pixels\)"):
        FolderDataset(root, "train")[1]


def test_a_turned_photo_matches_its_upright_mask(root):
    save_turned(root / "images/train/a.JPG", photo(3, 2), orientation=6)
    dataset = FolderDataset(root, "train")
    assert dataset[0].image.shape == (2, 3, 3)
    assert dataset.read_labels(0).tolist() == LABELS


def test_rgb_masks_follow_the_palette(tmp_path):
    classes = Classes.from_dict(CLASSES)
    path = tmp_path / "m.png"
    Image.fromarray(classes.palette[MASK[:, :2]]).save(path)
    assert read_labels(path, classes).tolist() == [[0, 0], [1, 255]]

    wrong = classes.palette[MASK[:, :2]]
    wrong[0] = [9, 8, 7], [1, 1, 1]
    wrong[1, 0] = 9, 8, 7
    Image.fromarray(wrong).save(path)
    message = r"m\.png: .* no class has .*: \[9, 8, 7\] \(2 pixels\), \[1, 1, 1\] \(1 pixels\)"
    with pytest.raises(ValueError, match=message):
        read_labels(path, classes)


def test_rgb_masks_need_colours_of_their_own(tmp_path):
    content = [{"id": i, "name": str(i), "color": [5, 5, 5]} for i in range(2)]
    Image.fromarray(photo()).save(tmp_path / "m.png")
    with pytest.raises(ValueError, match=r"several classes have the colour \[5, 5, 5\]"):
        read_labels(tmp_path / "m.png", Classes.from_dict({"classes": content}))


def test_black_and_white_masks_are_two_classes(tmp_path):
    path, white = tmp_path / "m.png", np.array([[0, 255], [255, 0]], np.uint8)
    binary = Classes.from_dict(BINARY)
    Image.fromarray(white).save(path)
    assert read_labels(path, binary).tolist() == [[0, 1], [1, 0]]
    Image.fromarray(white).convert("1").save(path)
    assert read_labels(path, binary).tolist() == [[0, 1], [1, 0]]
    Image.fromarray(white // 255).save(path)
    assert read_labels(path, binary).tolist() == [[0, 1], [1, 0]]


def test_white_is_ignored_where_it_can_be_nothing_else(tmp_path):
    path, white = tmp_path / "m.png", np.array([[0, 255], [255, 0]], np.uint8)
    binary = Classes.from_dict(BINARY)
    write_mask(path, white, binary.palette)  # a palette file's index 255 is no white
    assert read_labels(path, binary).tolist() == [[0, 255], [255, 0]]
    Image.fromarray(white).save(path)
    for content in ({**BINARY, "ignore_label": 255}, CLASSES):
        labels = read_labels(path, Classes.from_dict(content))
        assert labels.tolist() == [[0, 255], [255, 0]]


def test_1_and_255_in_one_binary_mask_are_unclear(tmp_path):
    Image.fromarray(np.array([[0, 255, 1]], np.uint8)).save(tmp_path / "m.png")
    with pytest.raises(ValueError, match=r"m\.png: holds both 1 and 255.*ignore_label"):
        read_labels(tmp_path / "m.png", Classes.from_dict(BINARY))


def test_a_written_dataset_reads_back_equal(tmp_path):
    drawn = ShapesDataset("val", num_images=3, size=(40, 50))
    write_folder(drawn, tmp_path, "test")
    dataset = FolderDataset(tmp_path, "test")
    assert dataset.classes == drawn.classes
    for theirs, ours in zip(drawn, dataset, strict=True):
        assert ours.name == theirs.name
        assert (ours.image == theirs.image).all()
        assert (ours.labels == theirs.labels).all()


def test_the_sample_of_camvid_is_whole():
    root = Path(__file__).parents[2] / "samples" / "camvid"
    if not root.is_dir():
        pytest.skip("the sample is in the repository only")
    assert [len(FolderDataset(root, s)) for s in ("train", "val", "test")] == [60, 16, 8]
    sample = FolderDataset(root, "val")[0]
    assert sample.image.shape == (360, 480, 3)
    assert sample.labels.shape == (360, 480)
    assert (root / "LICENSE.txt").is_file()
    assert max(path.stat().st_size for path in root.rglob("*")) < 2**20


@pytest.mark.shared
@pytest.mark.parametrize(("split", "count"), [("train", 367), ("val", 101), ("test", 233)])
def test_all_of_camvid(shared_data, split, count):
    dataset = FolderDataset(shared_data / "camvid", split)
    listed = (shared_data / "camvid" / "splits" / f"{split}.txt").read_text().split()
    assert dataset.names == listed
    assert len(dataset) == count
    assert dataset.classes.num_classes == 11
    assert dataset[0].image.shape == (360, 480, 3)


def test_lists_may_leave_out_folders_where_one_image_is_meant(root):
    (root / "images/val").mkdir()
    (root / "masks/val").mkdir()
    (root / "splits").mkdir()
    for name in ("b", "c"):
        Image.fromarray(photo(2, 3)).save(root / f"images/val/{name}.png")
        Image.fromarray(MASK).save(root / f"masks/val/{name}.png")
    path = root / "splits/official.txt"
    path.write_text("c\na.jpg\nval/b\n")
    assert open_dataset(str(root), "official").names == ["val/c", "train/a", "val/b"]
    path.write_text("c\nb\n")
    with pytest.raises(ValueError, match=r"official.txt: .* several images, train/b, val/b\. List"):
        open_dataset(str(root), "official")
    path.write_text("val/c\nc\n")
    with pytest.raises(ValueError, match=r"val/c listed more than once"):
        open_dataset(str(root), "official")
