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
    assert "\n- " not in out
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
