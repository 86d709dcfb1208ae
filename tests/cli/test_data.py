"""`contextseg data check` finds each planted fault, and nothing else."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from contextseg.cli.__main__ import main
from tests.data import native

SCENE = (48, 64)


def write_folder(root: Path) -> Path:
    from contextseg.data.folder import write_folder
    from contextseg.data.shapes import ShapesDataset

    for split in ("train", "val"):
        write_folder(ShapesDataset(split, num_images=9, size=SCENE), root / "mine", split)
    return root / "mine"


def stamps(root: Path) -> dict[Path, tuple[int, int]]:
    return {path: (path.stat().st_mtime_ns, path.stat().st_size) for path in root.rglob("*")}


def plant(images: list[Path], masks: list[Path]) -> dict[str, str]:
    """One fault in each of the first six pairs: name of the file to what is said of it."""
    images[0].write_bytes(images[0].read_bytes()[:500])
    Image.fromarray(np.asarray(Image.open(masks[1]))[:-3]).save(masks[1])
    Image.fromarray(np.full_like(np.asarray(Image.open(masks[2])), 200)).save(masks[2])
    masks[3].unlink()
    twin = images[4].with_suffix(".jpeg")
    Image.open(images[4]).convert("RGB").save(twin)
    Image.open(masks[5]).convert("RGB").point(lambda value: value ^ 1).save(masks[5])
    return {
        images[0].name: "truncated",
        masks[1].name: "rows and",
        masks[2].name: "id 200",
        images[3].name: "no mask for this image",
        twin.name: "same name",
        masks[5].name: "RGB",
    }


@pytest.mark.parametrize(
    ("write", "image_folder", "mask_folder"),
    [
        (lambda root: native.write_ade20k(root, 8), "images/training", "annotations/training"),
        (write_folder, "images/train", "masks/train"),
    ],
    ids=["a native layout", "a folder"],
)
def test_each_planted_fault_is_reported_and_nothing_else(
    write, image_folder, mask_folder, tmp_path, capsys
):
    root = write(tmp_path / "data")
    sheet = tmp_path / "sheet.jpg"
    assert main(["data", "check", str(root), "--sheet", str(sheet)]) == 0
    out = capsys.readouterr().out
    assert out.count("No faults.") == 2
    assert "\n- " not in out.split("Worth a look")[0]
    assert min(Image.open(sheet).size) > 200

    found = sorted((root / image_folder).iterdir()), sorted((root / mask_folder).iterdir())
    faults = plant(*found)
    before = stamps(root)
    assert main(["data", "check", str(root), "--split", "train", "--sheet", str(sheet)]) == 1
    assert stamps(root) == before
    captured = capsys.readouterr()
    lines = [line for line in captured.out.splitlines() if line.startswith("- ")]
    assert len(lines) == len(faults)
    for name, words in faults.items():
        assert any(name in line and words in line for line in lines), (name, lines)
    assert "6 faults" in captured.err


def test_the_table_and_the_splits_without_labels(tmp_path, capsys):
    root = native.write_cityscapes(tmp_path / "city")
    assert main(["data", "check", str(root), "--no-sheet"]) == 0
    out = capsys.readouterr().out
    assert "Cityscapes, train: 3 pairs, 19 classes." in out
    assert "40 x 56 (3)" in out
    assert "traffic light" in out
    assert "test: 3 images; their labels are not published." in out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            "data check {root} --sheet {root}/sheet.jpg",
            "is inside the data set, which is never modified",
        ),
        ("data check {root} --split other", "there is no split 'other'"),
        ("data check absent", "there is no such folder"),
        ("data mend {root}", "invalid choice: 'mend'"),
    ],
)
def test_a_mistake_is_one_line(words, message, tmp_path, capsys):
    root = native.write_ade20k(tmp_path, 1)
    assert main(words.format(root=root).split()) == 2
    assert message in capsys.readouterr().err


def write_mine(root: Path, image: str, mask: str, classes: bool = True) -> Path:
    """Eight pairs for each of two splits, whose paths have the form of `image` and `mask`."""
    for split in ("train", "val"):
        for i in range(8):
            native.save(root / image.format(split, i), native.photo(i))
            native.save(root / mask.format(split, i), np.full(native.SIZE, i % 2, np.uint8))
    if classes:
        (root / "classes.json").write_text(
            '{"dataset": "mine", "ignore_label": 255, '
            '"classes": [{"id": 0, "name": "a"}, {"id": 1, "name": "b"}]}'
        )
    return root


@pytest.mark.parametrize(
    ("mask", "rule"),
    [
        ("masks/{}/{}_mask.png", "names of masks end with '_mask'"),
        ("masks/{}/{}_gtFine_labelIds.png", "names of masks end with '_gtFine_labelIds'"),
        ("labels/{}/mask{}.png", "names of masks begin with 'mask'"),
        ("masks/{}/{}.png", ""),
    ],
)
def test_pairs_are_found_and_it_is_said_how(mask, rule, tmp_path, capsys):
    root = write_mine(tmp_path / "d", "images/{}/{}.jpg", mask)
    assert main(["data", "check", str(root), "--no-sheet"]) == 0
    out = capsys.readouterr().out
    assert out.count("8 pairs") == out.count("No faults.") == 2
    assert out.count("Pairs by name: ") == (2 if rule else 0)
    assert out.count(rule) >= 2


@pytest.mark.parametrize(
    ("image", "mask", "words"),
    [
        ("images/{1}.jpg", "masks/{1}.png",
         ["images/: 8 .jpg", "masks/: 8 .png", "divided by lists", "splits/train.txt"]),
        ("photos/{}/{}.jpg", "gts/{}/{}.png",
         ["photos/train/: 8 .jpg", "gts/val/: 8 .png", "Missing: images/train, masks/train"]),
        ("{}{}.jpg", "{}{}_mask.png", ["the folder itself: 16 .jpg, 16 .png"]),
        ("JPEGImages/{}{}.jpg", "SegmentationClass/{}{}.png",
         ["format voc, Pascal VOC folders", "data import", "data init"]),
    ],
)  # fmt: skip
def test_an_unknown_folder_is_described(image, mask, words, tmp_path, capsys):
    root = write_mine(tmp_path / "d", image, mask, classes=False)
    assert main(["data", "check", str(root), "--no-sheet"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(f"contextseg data: error: {root}: is not laid out as")
    for word in words:
        assert word in captured.err
    (tmp_path / "empty").mkdir()
    assert main(["data", "check", str(tmp_path / "empty"), "--no-sheet"]) == 2
    assert "no images and no files of labels" in capsys.readouterr().err


def test_masks_that_are_photos_are_a_fault_of_their_own(tmp_path, capsys):
    root = write_mine(tmp_path / "d", "images/{}/{}.jpg", "masks/{}/{}.jpg")
    assert main(["data", "check", str(root), "--no-sheet"]) == 1
    captured = capsys.readouterr()
    assert captured.out.count("for JPEG and WebP may alter ids, and GIFs renumber them.") == 2
    assert "no mask for this image" not in captured.out


def test_ignored_splits_are_a_fault(tmp_path, capsys):
    root = write_mine(tmp_path / "d", "images/{}/{}.jpg", "masks/{}/{}.png")
    for path in (root / "masks/val").iterdir():
        native.save(path, np.full(native.SIZE, 255, np.uint8))
    native.save(root / "masks/train/3.png", np.full(native.SIZE, 255, np.uint8))
    assert main(["data", "check", str(root), "--no-sheet"]) == 1
    out = capsys.readouterr().out
    assert "No pixel of any class is in 1 image: 3." in out
    assert "No pixel of any class is in 8 images: 0, 1, 2" in out
    assert "- val: all pixels of all 8 masks that were read are ignored (id 255)" in out
    assert out.count("No faults.") == 1
