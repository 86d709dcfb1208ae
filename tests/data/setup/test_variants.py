"""`data init` on folders as people have them: they train as they are, or are refused."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from PIL import Image

import contextseg
from contextseg.config import AugmentConfig, FCNConfig, ModelConfig, TrainConfig
from contextseg.data import open_dataset, splits_of
from contextseg.data.check import check_dataset
from contextseg.data.setup.init import init_data
from tests.data.setup import variants as v

BOTH = ("classes.json", "splits/train.txt", "splits/val.txt")


class Good(NamedTuple):
    """A folder that becomes a data set."""

    make: Callable[[Path], Path]
    images: dict[str, int]
    classes: tuple[int, ...] = (0, 1, 2, 3)
    """Ids."""
    files: tuple[str, ...] = BOTH
    notes: str = ""
    problems: int = 0


TEN = {"train": 8, "val": 2}
TWELVE = {"train": 6, "val": 6}
form = partial(partial, v.write)

GOOD = {
    # names, all in one folder
    "flat, _mask": Good(form(image="{}.jpg", mask="{}_mask.png"), TEN),
    "flat, _label, PNG both": Good(form(image="{}.png", mask="{}_label.png"), TEN),
    "flat, names of Cityscapes": Good(v.cityscapes_names, TEN, notes="20 pictures are neither"),
    "flat, -seg": Good(form(image="{}.jpg", mask="{}-seg.png"), TEN),
    "flat, img_ and mask_": Good(form(image="img_{}.jpg", mask="mask_{}.png"), TEN),
    "flat, one name": Good(form(image="{}.jpg", mask="{}.png"), TEN),
    "flat, _L, told by content": Good(form(image="{}.png", mask="{}_L.png"), TEN),
    # arrangements of folders
    "images and masks": Good(v.write, TEN),
    "images and labels, _labelTrainIds": Good(
        form(image="images/{}.png", mask="labels/{}_labelTrainIds.png"), TEN),
    "JPEGImages and SegmentationClass": Good(
        form(image="JPEGImages/{}.jpg", mask="SegmentationClass/{}.png"), TEN),
    "photos and gts": Good(form(image="photos/{}.jpg", mask="gts/{}.png"), TEN),
    "x and y, told by content": Good(form(image="x/{}.png", mask="y/{}.png"), TEN),
    "train_images and train_masks": Good(
        partial(v.both, image="{}_images/{}.jpg", mask="{}_masks/{}.png"), TWELVE),
    "train and trainannot": Good(partial(v.both, image="{}/{}.png", mask="{}annot/{}.png"), TWELVE),
    "images/train without val": Good(
        form(image="images/train/{}.jpg", mask="masks/train/{}.png"), TEN,
        notes="there is only train"),
    "train and valid": Good(
        partial(v.both, image="{}/images/{}.jpg", mask="{}/masks/{}.png",
                splits=("train", "valid", "test")), {"train": 6, "val": 6, "test": 6},
        files=(*BOTH[:1], "splits/test.txt", *BOTH[1:])),
    "images/train, as documented": Good(
        partial(v.both, image="images/{}/{}.jpg", mask="masks/{}/{}.png"), TWELVE,
        files=BOTH[:1]),
    "scenes with rgb and gt": Good(
        form(image="s{}/rgb/0.png", mask="s{}/gt/0.png"), TEN),
    "a folder for each video": Good(
        form(image="images/{}.jpg", mask="masks/{}.png",
             names=v.in_folders("a", "b", "c", "d", "e")), TEN),
    "videos with both in one folder": Good(
        form(image="{}.jpg", mask="{}_mask.png", names=v.in_folders("a", "b", "c", "d", "e")), TEN),
    "nested deeply": Good(
        form(image="data/images/x/y/{}.jpg", mask="data/masks/x/y/{}.png"), TEN),
    "series by name": Good(
        form(names=[f"{s}_{i:04d}" for s in ("n1", "n2", "n3", "n4", "n5") for i in range(3)]),
        {"train": 12, "val": 3}),
    "names of macOS": Good(v.decomposed, TEN),
    "with files of other kinds": Good(v.hidden, TEN),
    # codings
    "colours": Good(form(coding=v.colors), TEN, notes="Colours have got ids"),
    "palette": Good(form(coding=v.with_palette), TEN),
    "palette of VOC with borders": Good(form(coding=v.with_border), TEN, notes="255 is ignored"),
    "black and white": Good(form(coding=v.ids(0, 255), classes=2), TEN, (0, 1)),
    "one bit": Good(
        form(coding=lambda mask, _: Image.fromarray(mask > 0), classes=2), TEN, (0, 1)),
    "black and white of 16 bits": Good(
        form(coding=v.ids(0, 65535, dtype=np.uint16), classes=2), TEN, (0, 1)),
    "ids with gaps": Good(form(coding=v.ids(0, 7, 26, 33)), TEN, (0, 7, 26, 33)),
    "ids from 1": Good(form(coding=v.ids(1, 2, 3, 4)), TEN, (1, 2, 3, 4)),
    "greys over the whole range": Good(form(coding=v.ids(0, 85, 170, 255)), TEN, (0, 85, 170, 255)),
    "ignored 255": Good(form(coding=v.ids(0, 1, 2, 255)), TEN, (0, 1, 2)),
    "16 bits": Good(form(coding=v.ids(0, 1, 2, 3, dtype=np.uint16)), TEN),
    "ids saved as RGB": Good(
        form(coding=lambda mask, _: np.repeat(mask[..., None], 3, axis=2)), TEN),
    "colours with alpha": Good(form(coding=v.with_alpha), TEN),
    "TIFF": Good(form(image="images/{}.tif", mask="masks/{}.tif"), TEN),
    "BMP": Good(form(image="images/{}.bmp", mask="masks/{}.bmp", coding=v.colors), TEN),
    "WebP": Good(form(image="images/{}.webp"), TEN),
    # splits and classes that are there
    "lists in the folder": Good(
        lambda root: v.lists(v.write(root), "."), {"train": 7, "val": 3}),
    "lists of VOC": Good(
        lambda root: v.lists(v.write(root, "JPEGImages/{}.jpg", "SegmentationClass/{}.png"),
                             "ImageSets/Segmentation"), {"train": 7, "val": 3}),
    "lists of two paths": Good(
        lambda root: v.lists(v.write(root), "lists", "images/{0}.jpg masks/{0}.png"),
        {"train": 7, "val": 3}),
    "lists in splits": Good(
        lambda root: v.lists(v.write(root), "splits"), {"train": 7, "val": 3}, files=BOTH[:1]),
    "splits in names": Good(
        form(names=[f"{'train' if i < 7 else 'val'}_{i}" for i in range(10)]),
        {"train": 7, "val": 3}),
    "labelmap.txt": Good(v.labelmap, TEN, files=BOTH[1:]),
    # faults that leave enough
    "two broken pairs": Good(v.broken, {"train": 6, "val": 2}, problems=2),
    "images without masks": Good(v.unlabelled, TEN, notes="5 images have no mask"),
    "an image twice": Good(v.twins, TEN, notes="1 pictures are neither"),
}  # fmt: skip

BAD = {
    "masks are JPEG": (form(mask="masks/{}.jpg"), r"\.jpg: cannot be a mask: lossy .* as PNG"),
    "masks were JPEG": (form(coding=v.compressed, size=(120, 160)),
                        r"have been compressed \(JPEG\), smoothed or .* again as PNG"),
    "masks are photos": (form(coding=lambda _, seed: v.photo(seed)),
                         r"as a photo has, and so have most of the 10 masks"),
    "masks are smoothed": (form(coding=v.smoothed, classes=2), r"interpolation. Export the masks"),
    "one image": (form(names=["n"]), r"is the only image with a mask"),
    "no pairs": (form(image="images/a{}q.jpg", mask="masks/b{}r.png"),
                 r"no image \(10\) and mask \(10\) belong together: .*'images/an0xq.jpg' or alike"),
    "images alone": (lambda root: [v.save(root / f"{i}.jpg", v.photo(i)) for i in range(3)],
                     r"no image has a mask. There are 3 pictures: 0.jpg.*What is there:"),
    "objects are numbered": (form(coding=v.ids(0, 1001, 1002, 26001, dtype=np.uint16)),
                             r"holds the value 26001, but ids are 0 to 255. If values number obj"),
    "masks are empty": (form(classes=1), r"hold nothing but the id 0, so there is nothing to lea"),
    "nothing": (lambda root: root.mkdir(parents=True), r"there are no pictures in it"),
    "palettes differ": (form(coding=v.renumbered), r"the palettes of the masks differ, so their i"),
    "ids and colours": (form(coding=v.mixed_codings), r"holds ids, but .* holds colours \(5 and 5"),
    "a file for each object": (v.object_masks, r"no image .* belong together|no image has a mask"),
    "all sizes differ": (form(coding=lambda mask, _: mask[:16]),
                         r"has 16 rows and 32 columns, its image n0x.jpg has 24 and 32.* other 9"),
}  # fmt: skip


def stamps(root: Path) -> dict[Path, tuple[int, bytes]]:
    files = [path for path in root.rglob("*") if path.is_file()]
    return {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in files}


@pytest.mark.parametrize("name", GOOD)
def test_a_folder_becomes_a_data_set(name, tmp_path):
    good, root = GOOD[name], tmp_path / "d"
    good.make(root)
    before = stamps(root)
    assert init_data(root, dry_run=True).files.keys() == {*good.files}
    assert stamps(root) == before
    plan = init_data(root)
    assert tuple(plan.files) == good.files or {*plan.files} == {*good.files}
    after = stamps(root)
    assert {path: after[path] for path in before} == before
    assert {path.relative_to(root).as_posix() for path in after.keys() - before} == {*good.files}
    assert plan.classes.ids.tolist() == list(good.classes)
    assert plan.classes.names[0] == ("k0" if "labelmap" in name else f"class_{good.classes[0]}")
    assert len(np.unique(plan.classes.colors, axis=0)) == len(good.classes)
    assert good.notes in " ".join(plan.notes)
    assert len(plan.problems) == good.problems
    opened = {split: open_dataset(str(root), split) for split in splits_of(str(root))}
    assert {split: len(data) for split, data in opened.items()} == good.images
    total = np.zeros(len(good.classes), np.int64)
    for split, data in opened.items():
        report = check_dataset(data, decode_images=True)
        assert report.problems == []
        assert report.class_images.tolist() == plan.splits[split].class_images.tolist()
        total += report.class_pixels
    assert total.tolist() == plan.class_pixels.tolist()
    assert init_data(root).files == {}  # what is there is kept
    assert stamps(root) == after


@pytest.mark.parametrize("name", BAD)
def test_a_folder_is_refused_with_the_reason(name, tmp_path):
    make, message = BAD[name]
    make(tmp_path / "d")
    before = stamps(tmp_path)
    with pytest.raises(ValueError, match=re.compile(message, re.DOTALL)):
        init_data(tmp_path / "d")
    assert stamps(tmp_path) == before


@pytest.mark.parametrize(
    "name",
    ["flat, _mask", "x and y, told by content", "colours", "train and valid", "lists in splits"],
)
def test_training_needs_nothing_else(name, tmp_path):
    root = tmp_path / "d"
    GOOD[name].make(root)
    init_data(root)
    config = TrainConfig(
        model=ModelConfig(
            context=FCNConfig(), backbone="test_resnet", head_channels=8, aux_weight=0,
            pretrained=False,
        ),
        augment=AugmentConfig(crop=(32, 32)), epochs=1, batch_size=6, out=str(tmp_path / "run"),
    )  # fmt: skip
    config = replace(config, data=replace(config.data, root=str(root), workers=0))
    result = contextseg.train(config)
    assert result.scores is not None
    scores = contextseg.evaluate(str(tmp_path / "run"), str(root))
    assert scores.confusion.sum() == GOOD[name].images["val"] * v.SIZE[0] * v.SIZE[1]
