"""Faults of one's own data: images, masks, classes.json, lists of the splits."""

from __future__ import annotations

import json
import os
import unicodedata
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.reliability.planting.base import (
    CLASSES,
    NUMBER,
    SIZE,
    Fault,
    cut,
    damage,
    filled,
    image_of,
    labels_in,
    listed,
    mask_of,
    names,
    put,
    saved,
    unreadable,
    write_classes,
)
from tests.data import pictures
from tests.data.setup import variants
from tests.hostile.pictures import png

A = "train3"
MASK, PHOTO = f"masks/train/{A}.png", f"images/train/{A}.png"


def _mask(values: np.ndarray | Image.Image, suffix: str = ".png", **options: object):
    def plant(root: Path) -> None:
        mask_of(root).unlink()
        saved(mask_of(root).with_suffix(suffix), values, **options)

    return plant


def _changed(change, suffix: str = ".png", **options: object):
    def plant(root: Path) -> None:
        values = change(labels_in(root))
        mask_of(root).unlink()
        saved(mask_of(root).with_suffix(suffix), values, **options)

    return plant


def _photo(values: np.ndarray | Image.Image, suffix: str = ".png", **options: object):
    def plant(root: Path) -> None:
        image_of(root).unlink()
        saved(image_of(root).with_suffix(suffix), values, **options)

    return plant


def _classes(change):
    def plant(root: Path) -> None:
        content = json.loads((root / "classes.json").read_text())
        change(content)
        put(root / "classes.json", json.dumps(content).encode())

    return plant


def _turned(root: Path) -> None:
    image = np.array(Image.open(image_of(root)))
    image_of(root).unlink()
    pictures.save_turned(image_of(root).with_suffix(".jpg"), image, 6)


def _shifted(root: Path) -> None:
    for split in ("train", "val"):
        for i in range(NUMBER):
            path = root / f"masks/{split}/{split}{i}.png"
            saved(path, np.array(Image.open(path)) + np.uint8(1))


def _renumbered(root: Path) -> None:
    order = np.array([0, 2, 1, 3])
    image = Image.fromarray(np.argsort(order).astype(np.uint8)[labels_in(root)])
    image.putpalette(variants.COLORS[order].tobytes())
    saved(mask_of(root), image)


def _void_split(root: Path) -> None:
    for i in range(NUMBER):
        saved(root / f"masks/val/val{i}.png", np.full(SIZE, 255, np.uint8))


def _lonely(root: Path) -> None:
    write_classes(root, CLASSES + 1)
    saved(root / "masks/val/val1.png", np.full(SIZE, CLASSES, np.uint8))


def _composed(root: Path) -> None:
    for form in ("NFC", "NFD"):
        name = unicodedata.normalize(form, "é")
        saved(root / f"images/train/{name}.png", variants.photo(50, SIZE))
        saved(root / f"masks/train/{name}.png", variants.labels(1, CLASSES, SIZE))


def _cases(root: Path) -> None:
    for folder in ("images", "masks"):
        path = root / folder / "train"
        if (path / "TRAIN3.png").exists():  # the disk takes both for one
            return
        content = (path / f"{A}.png").read_bytes()
        put(path / "TRAIN3.png", content)
    saved(root / "images/train/TRAIN3.png", variants.photo(77, SIZE))


def _two_splits(root: Path) -> None:
    listed("\n".join([*(f"val/{name}" for name in names("val")), f"train/{A}"]), "test")(root)


def _copied(root: Path, **options: object) -> None:
    photo = Image.open(image_of(root))
    path = root / "images/val/val2.png"
    path.unlink()
    saved(path.with_suffix(".jpg") if options else path, photo, **options)


def _list_of_classes(name: str, text: str):
    def plant(root: Path) -> None:
        (root / "classes.json").unlink()
        put(root / name, text.encode())

    return plant


GREY = np.arange(SIZE[0] * SIZE[1]).reshape(SIZE) % 4
DEEP = np.zeros((*SIZE, 3), np.uint16)

FAULTS: tuple[Fault, ...] = (
    Fault("no mask", lambda r: mask_of(r).unlink(), PHOTO, "no mask for this image"),
    Fault("no image", lambda r: image_of(r).unlink(), MASK, "no image for this mask"),
    Fault("mask of fewer rows", _changed(lambda m: m[:-4]), MASK, "44 rows and 64 columns"),
    Fault("mask transposed", _changed(lambda m: np.ascontiguousarray(m.T)), MASK, "64 rows"),
    Fault("mask of half the size", _changed(lambda m: m[::2, ::2].copy()), MASK, "24 rows"),
    Fault("an unknown id", _changed(lambda m: np.where(m == 2, 200, m).astype(np.uint8)), MASK,
          r"id 200 \(\d+ pixels"),
    Fault("ids stretched to grey levels", _changed(lambda m: m * np.uint8(85)), MASK, "id 85 "),
    Fault("ids counted from 1", _shifted, "train", "count from 0"),
    Fault("16-bit ids beyond 255", _changed(lambda m: m.astype(np.uint16) + 300), MASK, "id 300"),
    Fault("colours of no class", _changed(lambda m: variants.COLORS[m] ^ 1), MASK, "colour"),
    Fault("colours smoothed", _changed(lambda m: np.array(Image.fromarray(variants.COLORS[m])
          .resize((32, 24), 2).resize((64, 48), 2))), MASK, "colour"),
    Fault("palette numbered otherwise", _renumbered, MASK, "palette file in which index"),
    Fault("mask as JPEG", _mask(GREY.astype(np.uint8), ".jpg"), f"{A}.jpg", "may alter ids"),
    Fault("mask a JPEG that is called PNG", _changed(lambda m: m, format="JPEG"), MASK, "lossy"),
    Fault("mask as GIF", _mask(GREY.astype(np.uint8), ".gif"), f"{A}.gif", "GIFs renumber"),
    Fault("mask as WebP", _mask(GREY.astype(np.uint8), ".webp"), f"{A}.webp", "may alter ids"),
    Fault("mask of floats", _mask(GREY.astype(np.float32), ".tif"), f"{A}.tif", "mode F"),
    Fault("mask in CMYK", _mask(Image.new("CMYK", SIZE[::-1]), ".tif"), f"{A}.tif", "CMYK"),
    Fault("mask stored with 0 for white", lambda r: (mask_of(r).unlink(), pictures.write_tiff(
          mask_of(r).with_suffix(".tif"), GREY, 8, photometric=0)), f"{A}.tif", "0 for white"),
    Fault("mask of few greys as BMP", lambda r: (mask_of(r).unlink(), pictures.write_bmp(
          mask_of(r).with_suffix(".bmp"), GREY % 2, 8, [(0, 0, 0), (255, 255, 255)])),
          f"{A}.bmp", "more bits"),
    Fault("mask truncated", cut(mask_of), MASK, "truncated"),
    Fault("mask without its end", cut(mask_of, 0.8), MASK, "truncated|damaged"),
    Fault("mask damaged", damage(mask_of), MASK, "damaged"),
    Fault("mask empty", filled(mask_of, b""), MASK, "cannot be read"),
    Fault("mask an array of NumPy", filled(mask_of, b"\x93NUMPY\x01\0" + bytes(90)), MASK,
          "cannot be read"),
    Fault("mask a text", filled(mask_of, b"0 0 1\n" * 99), MASK, "cannot be read"),
    Fault("image truncated", cut(image_of), PHOTO, "truncated"),
    Fault("JPEG truncated", lambda r: (_photo(variants.photo(3, SIZE), ".jpg")(r), cut(
          lambda root: image_of(root).with_suffix(".jpg"))(r)), f"{A}.jpg", "truncated"),
    Fault("image damaged", damage(image_of), PHOTO, "damaged"),
    Fault("image empty", filled(image_of, b""), PHOTO, "cannot be read"),
    Fault("image a web page", filled(image_of, b"<html>404</html>" * 9), PHOTO, "cannot be read"),
    Fault("image an archive", filled(image_of, b"PK\3\4" + bytes(99)), PHOTO, "cannot be read"),
    Fault("image huge", filled(image_of, png(60_000, 60_000, b"")), PHOTO, "more than the limit"),
    Fault("image turned by EXIF, its mask not", _turned, MASK, "upright if EXIF"),
    Fault("image a broken link", lambda r: (image_of(r).unlink(), os.symlink(
          "nowhere.png", image_of(r))), f"{A}.png", "No such file|no image"),
    Fault("image a link to itself", lambda r: (image_of(r).unlink(), os.symlink(
          f"{A}.png", image_of(r))), f"{A}.png", "symbolic links|no image"),
    Fault("image a named pipe", lambda r: (image_of(r).unlink(), os.mkfifo(image_of(r))),
          f"{A}.png", "named pipe"),
    Fault("image unreadable", unreadable, PHOTO, "cannot be read|Permission"),
    Fault("one name in two formats", lambda r: saved(image_of(r).with_suffix(".jpg"),
          variants.photo(3, SIZE)), f"{A}.jpg", "same name"),
    Fault("two masks for one image", lambda r: saved(mask_of(r).with_suffix(".tif"), GREY.astype(
          np.uint8)), f"{A}.tif", "same name"),
    Fault("one name in two forms of Unicode", _composed, "images/train", "same name"),
    Fault("names that differ in case only", _cases, "TRAIN3", "case"),
    Fault("an image in two splits", _copied, "val2", "nearly repeats an image of train"),
    Fault("an image in two splits, compressed", lambda r: _copied(r, quality=40), "val2",
          "nearly repeats an image of train"),
    Fault("an image that two lists name", _two_splits, A, "are images of train, too"),
    Fault("a list that names no image", listed("train0\nnowhere\n"), "nowhere",
          "there is no image or mask"),
    Fault("a list that repeats a name", listed("train0\ntrain1\ntrain0\n"), "train0",
          "more than once"),
    Fault("an empty list", listed("\n"), "train.txt", "is empty"),
    Fault("a list in UTF-16", listed("train0\n".encode("utf-16")), "train.txt", "UTF-16"),
    Fault("a list in Latin-1", listed("straße\n".encode("latin-1")), "train.txt", "not UTF-8"),
    Fault("no classes.json", lambda r: (r / "classes.json").unlink(), "classes.json",
          "no such file|Missing"),
    Fault("classes.json cut off", cut(lambda r: r / "classes.json"), "classes.json", "not JSON"),
    Fault("classes.json in UTF-16", filled(lambda r: r / "classes.json",
          '{"classes": []}'.encode("utf-16")), "classes.json", "UTF-16"),
    Fault("a key twice", filled(lambda r: r / "classes.json",
          b'{"classes": [], "classes": [{"id": 0, "name": "a"}]}'), "classes.json", "twice"),
    Fault("an id twice", _classes(lambda c: c["classes"][1].update(id=0)), "classes.json",
          r"each id may occur once.*\[0\]"),
    Fault("a class twice", _classes(lambda c: c["classes"][1].update(name="k0")), "classes.json",
          "each name may occur once.*k0"),
    Fault("an id of 300", _classes(lambda c: c["classes"][1].update(id=300)),
          "classes.json", "300"),
    Fault("a colour of 256", _classes(lambda c: c["classes"][1].update(color=[0, 0, 256])),
          "classes.json", "256"),
    Fault("a class without a name", _classes(lambda c: c["classes"][1].pop("name")),
          "classes.json", "element 1"),
    Fault("another number of classes", _classes(lambda c: c.update(num_classes=7)),
          "classes.json", "num_classes says 7"),
    Fault("an unknown key", _classes(lambda c: c.update(ignore=255)), "classes.json",
          "unknown key"),
    Fault("labelmap.txt with a broken line", _list_of_classes("labelmap.txt", "k0:0,0\nk1:1,1,1\n"),
          "labelmap.txt", "entry 1"),
    Fault("class_names.txt with a name twice", _list_of_classes("class_names.txt",
          "k0\nk1\nk0\nk3\n"), "class_names.txt", "k0"),
    Fault("one image without labels", _mask(np.full(SIZE, 255, np.uint8)), A,
          "No pixel of any class"),
    Fault("a split without labels", _void_split, "val", "all pixels of all 10 masks"),
    Fault("a class in no image", lambda r: write_classes(r, CLASSES + 1), "k4", "No image has"),
    Fault("a class in one split only", _lonely, "k4", "only this split has"),
    Fault("an image of one grey", _photo(np.full((*SIZE, 3), 120, np.uint8)), A, "one grey"),
    Fault("a dark image", _photo((variants.photo(3, SIZE) // 9).astype(np.uint8)), A,
          "unusual brightness"),
    Fault("a small image", lambda r: (_photo(variants.photo(3, (12, 16)))(r), _mask(
          variants.labels(3, CLASSES, (12, 16)))(r)), A, "unusual size"),
    Fault("wrong_labels.txt with unknown names", lambda r: put(r / "wrong_labels.txt",
          b"train/nobody\tx\n"), "nobody", "no image"),
    Fault("wrong_labels.txt in UTF-16", lambda r: put(r / "wrong_labels.txt",
          "train/train3\n".encode("utf-16")), "wrong_labels.txt", "UTF-16"),
)  # fmt: skip
"""One fault each in a folder of `write_base`."""
