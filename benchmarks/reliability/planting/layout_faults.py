"""Faults in public data sets as they are downloaded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.reliability.planting.base import Fault, cut, damage, filled, put, saved
from tests.data import native


@dataclass(frozen=True)
class Layout:
    """A public layout, and where the pair of its training split is that gets a fault."""

    name: str
    write: Callable[[Path], object]
    image: str
    mask: str
    unknown: int
    """An id that its masks cannot hold."""


LAYOUTS: tuple[Layout, ...] = (
    Layout("ADE20K", lambda r: native.write_ade20k(r, 3),
           "ADEChallengeData2016/images/training/ADE_train_00000001.jpg",
           "ADEChallengeData2016/annotations/training/ADE_train_00000001.png", 151),
    Layout("Cityscapes", lambda r: native.write_cityscapes(r, 3),
           "leftImg8bit/train/ulm/ulm_000001_000019_leftImg8bit.png",
           "gtFine/train/ulm/ulm_000001_000019_gtFine_labelIds.png", 77),
    Layout("VOC 2012", lambda r: native.write_voc(r, 3),
           "VOCdevkit/VOC2012/JPEGImages/2007_train1.jpg",
           "VOCdevkit/VOC2012/SegmentationClass/2007_train1.png", 99),
    Layout("CamVid", lambda r: native.write_camvid(r, 3), "train/0001TP_000001.png",
           "trainannot/0001TP_000001.png", 40),
    Layout("COCO-Stuff", lambda r: native.write_coco_stuff(r, 3),
           "images/train2017/000000000001.jpg", "annotations/train2017/000000000001.png", 200),
)  # fmt: skip


def faults_of(layout: Layout) -> list[Fault]:
    """The same faults in every layout, and some of its own."""
    image, mask = Path(layout.image).name, Path(layout.mask).name
    stem = Path(layout.image).stem.removesuffix("_leftImg8bit")

    def photo_of(root: Path) -> Path:
        return root / layout.image

    def mask_of(root: Path) -> Path:
        return root / layout.mask

    def repainted(change: Callable[[np.ndarray], np.ndarray]) -> Callable[[Path], object]:
        return lambda root: saved(mask_of(root), change(np.array(Image.open(mask_of(root)))))

    def unknown(values: np.ndarray) -> np.ndarray:
        values[:8] = layout.unknown
        return values

    found = [
        Fault("no mask", lambda r: mask_of(r).unlink(), stem, "no mask|no image or"),
        Fault("no image", lambda r: photo_of(r).unlink(), stem, "no image"),
        Fault("mask of fewer rows", repainted(lambda m: m[:-4]), mask, "36 rows"),
        Fault("an unknown id", repainted(unknown), mask, f"id {layout.unknown} "),
        Fault("mask in colour", repainted(lambda m: np.dstack([m, m // 2, m])), mask,
              "RGB|colour"),
        Fault("mask truncated", cut(mask_of), mask, "truncated"),
        Fault("mask damaged", damage(mask_of), mask, "damaged"),
        Fault("mask empty", filled(mask_of, b""), mask, "cannot be read"),
        Fault("mask a JPEG", lambda r: saved(mask_of(r), Image.open(mask_of(r)).convert("L"),
                                             format="JPEG"), mask, "lossy"),
        Fault("image truncated", cut(photo_of), image, "truncated"),
        Fault("image empty", filled(photo_of, b""), image, "cannot be read"),
        Fault("image a web page", filled(photo_of, b"<html>" * 9), image, "cannot be read"),
    ]  # fmt: skip
    if layout.name == "VOC 2012":
        lists = "VOCdevkit/VOC2012/ImageSets/Segmentation/train.txt"
        found += [
            Fault("a list that names no image", lambda r: put(r / lists, b"2007_train0\nnone\n"),
                  "none", "no image"),
            Fault("a list that repeats a name", lambda r: put(r / lists, b"2007_train0\n" * 2),
                  "2007_train0", "more than once"),
            Fault("a list in UTF-16", lambda r: put(r / lists, "2007_train0\n".encode("utf-16")),
                  "train.txt", "UTF-16"),
        ]  # fmt: skip
    return found
