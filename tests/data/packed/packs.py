"""Small data sets of many kinds of files, and what must not change when they are packed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from contextseg.data import open_dataset, splits_of
from contextseg.data.loading import TrainingLoader, TrainingSet
from tests.data.native import photo, save
from tests.data.test_loading import AUGMENT

COLOURS = ((90, 90, 90), (200, 30, 30), (30, 200, 30))


def write_mixed(root: Path) -> Path:
    """A folder of three classes with images and masks of all kinds, in sub-folders, and lists."""
    listed = [{"id": 10 * i, "name": f"c{i}", "color": colour} for i, colour in enumerate(COLOURS)]
    content = {
        "dataset": "mixed",
        "ignore_label": 255,
        "classes": listed,
        "lists": {"two": [0, 10]},
    }
    root.mkdir(parents=True)
    (root / "classes.json").write_text(json.dumps(content))
    for split, count in (("train", 6), ("val", 3)):
        for i in range(count):
            rows, columns = 40 + i, 50
            name = f"straße/{split}{i}" if i % 2 else f"{split}{i}"
            ids = np.random.default_rng(i).choice([0, 10, 20, 255], (rows, columns))
            ids = ids.astype(np.uint8)
            picture = photo(i, (rows, columns))
            if i == 1:  # turned by its EXIF data
                exif = Image.Exif()
                exif[0x0112] = 6
                save(root / f"images/{split}/{name}.jpg", photo(i, (columns, rows)), exif=exif)
            elif i == 2:
                grey = np.random.default_rng(i).integers(0, 65536, (rows, columns), np.uint16)
                save(root / f"images/{split}/{name}.png", grey)
            else:
                save(root / f"images/{split}/{name}.{('jpg', 'webp', 'bmp')[i % 3]}", picture)
            if i == 3:  # colours
                palette = np.zeros((256, 3), np.uint8)
                palette[[0, 10, 20]] = COLOURS
                save(root / f"masks/{split}/{name}.png", palette[ids])
            elif i == 4:
                save(root / f"masks/{split}/{name}.tif", ids)
            else:
                mask = Image.fromarray(ids)
                palette = np.arange(768, dtype=np.uint8)
                mask.putpalette(palette.tobytes())
                save(root / f"masks/{split}/{name}.png", mask)
    (root / "splits").mkdir()
    (root / "splits" / "train.txt").write_text("".join(
        f"{name}\n" for name in ("train4", "straße/train1", "train0", "train2", "straße/train3")
    ), encoding="utf-8")  # fmt: skip
    return root


def assert_same_data(root: Path | str, pack: Path | str, splits: list[str] | None = None) -> None:
    """A pack has the splits, names, classes, sizes, labels and images of a data set."""
    splits = splits or splits_of(str(root))
    assert splits_of(str(pack)) == splits
    for split in splits:
        ours: Any = open_dataset(str(pack), split)
        theirs: Any = open_dataset(str(root), split)
        assert (ours.names, ours.classes) == (theirs.names, theirs.classes)
        assert ours.classes.lists == theirs.classes.lists
        for i in range(len(theirs)):
            image, labels, name = ours[i]
            expected = theirs[i]
            assert name == expected.name
            assert image.dtype == expected.image.dtype
            assert np.array_equal(image, expected.image)
            assert np.array_equal(labels, expected.labels)
            assert np.array_equal(ours.read_labels(i), expected.labels)
            assert ours.image_size(i) == theirs.image_size(i)


def batches(root: Path | str, workers: int = 0, step: int = 0) -> list[dict[str, Any]]:
    """Two epochs of training batches, from batch `step` on."""
    training = TrainingSet(open_dataset(str(root), "train"), AUGMENT, seed=3)
    loader = TrainingLoader(training, batch_size=2, epochs=2, seed=3, workers=workers)
    loader.start(step)
    return list(loader)
