"""Data sets that are unusual and right: whatever a check says of them is a false alarm."""

from __future__ import annotations

import codecs
import json
import os
import unicodedata
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.reliability.planting.base import (
    CLASSES,
    NUMBER,
    SIZE,
    Plant,
    image_of,
    listed,
    mask_of,
    names,
    put,
    saved,
    write_classes,
)
from tests.data import pictures
from tests.data.setup import variants

Change = Callable[[np.ndarray], "np.ndarray | Image.Image"]


def _pairs(root: Path) -> list[tuple[Path, Path]]:
    return [
        (root / f"images/{split}/{split}{i}.png", root / f"masks/{split}/{split}{i}.png")
        for split in ("train", "val")
        for i in range(NUMBER)
    ]


def _masks(change: Change, suffix: str = ".png", **options: object) -> Plant:
    """Every mask is another kind of file."""

    def plant(root: Path) -> None:
        for _, mask in _pairs(root):
            values = change(np.array(Image.open(mask)))
            mask.unlink()
            saved(mask.with_suffix(suffix), values, **options)

    return plant


def _photos(change: Change, suffix: str = ".png", **options: object) -> Plant:
    """Every image is another kind of file."""

    def plant(root: Path) -> None:
        for photo, _ in _pairs(root):
            values = change(np.array(Image.open(photo)))
            photo.unlink()
            saved(photo.with_suffix(suffix), values, **options)

    return plant


def _renamed(form: Callable[[str], str], only: str = "") -> Plant:
    """Files have other names: all, or those in images or masks."""

    def plant(root: Path) -> None:
        for pair in _pairs(root):
            for path in pair:
                if only in path.parts or not only:
                    path.rename(path.with_name(form(path.name)))

    return plant


def _turned(root: Path) -> None:
    """EXIF data that turn each image upright, as its mask is."""
    for photo, _ in _pairs(root):
        values = np.rot90(np.array(Image.open(photo)))
        photo.unlink()
        pictures.save_turned(photo.with_suffix(".jpg"), np.ascontiguousarray(values), 6)


def _few_classes(masks: Plant) -> Plant:
    """Background and one class."""

    def plant(root: Path) -> None:
        write_classes(root, 2)
        for _, mask in _pairs(root):
            saved(mask, np.array(Image.open(mask)) % 2)
        masks(root)

    return plant


def _two_forms(root: Path) -> None:
    """Images as Linux writes their names, masks as macOS does."""
    for pair in _pairs(root):
        for path, form in zip(pair, ("NFC", "NFD"), strict=True):
            path.rename(path.with_name(unicodedata.normalize(form, f"Bäume {path.name}")))


def _with_palette(values: np.ndarray) -> Image.Image:
    return variants.with_palette(values)


def _linked(root: Path) -> None:
    for photo, _ in _pairs(root):
        target = root / "elsewhere" / photo.name
        target.parent.mkdir(exist_ok=True)
        photo.rename(target)
        os.symlink(target, photo)


def _linked_folder(root: Path) -> None:
    (root / "images").rename(root / "photos")
    os.symlink("photos", root / "images")
    os.symlink("..", root / "photos" / "train" / "back")


def _sub_folders(root: Path) -> None:
    for pair in _pairs(root):
        for path in pair:
            city = path.parent / ("ulm" if int(path.stem[-1]) % 2 else "aachen")
            city.mkdir(exist_ok=True)
            path.rename(city / path.name)


def _remains(root: Path) -> None:
    for name in (".DS_Store", "Thumbs.db", "README.md", "images/train/.train0.png",
                 "images/train/._train1.png", "masks/notes.txt", "desktop.ini"):  # fmt: skip
        put(root / name, b"\0\1")


def _void(root: Path) -> None:
    for _, mask in _pairs(root):
        values = np.array(Image.open(mask))
        values[:6] = 255
        saved(mask, values)


def _ids(root: Path) -> None:
    ids = np.array([3, 70, 200, 254], np.uint8)
    entries = [{"id": int(i), "name": f"k{n}"} for n, i in enumerate(ids)]
    put(root / "classes.json", json.dumps({"classes": entries[::-1]}).encode())
    for _, mask in _pairs(root):
        saved(mask, ids[np.array(Image.open(mask))])


def _marked(root: Path) -> None:
    path = root / "classes.json"
    put(path, codecs.BOM_UTF8 + path.read_bytes().replace(b", ", b",\r\n"))


def _labelmap(root: Path) -> None:
    (root / "classes.json").unlink()
    lines = (f"k{i}:{','.join(map(str, c))}::" for i, c in enumerate(variants.COLORS.tolist()))
    put(root / "labelmap.txt", "\r\n".join(["# label:color_rgb:parts:actions", *lines]).encode())


def _unlisted(root: Path) -> None:
    saved(root / "images/train/more.png", variants.photo(60, SIZE))
    saved(root / "masks/train/more.png", variants.labels(1, CLASSES, SIZE))
    listed("\n".join(names()))(root)


def _alone(root: Path) -> None:
    for pair in _pairs(root):
        for path in pair:
            if path.parent.name == "val":
                path.unlink()
    for folder in ("images", "masks"):
        (root / folder / "val").rmdir()


def _flat(root: Path) -> None:
    """No folders of splits: lists divide the images."""
    for pair in _pairs(root):
        for path in pair:
            path.rename(path.parent.parent / path.name)
    for split in ("train", "val"):
        for folder in ("images", "masks"):
            (root / folder / split).rmdir()
        listed("\n".join(names(split)), split)(root)


VALID: dict[str, Plant] = {
    "nothing changed": lambda root: None,
    "lists with CR and LF": listed("\r\n".join(names())),
    "lists with CR": listed("\r".join(names())),
    "a list with a byte order mark": listed(codecs.BOM_UTF8 + "\n".join(names()).encode()),
    "a list with suffixes": listed("\n".join(f"{name}.png" for name in names())),
    "a list with blank lines": listed("\n\n".join([*names(), " ", ""])),
    "lists instead of folders": _flat,
    "a list of fewer images": _unlisted,
    "classes.json with a mark and CR": _marked,
    "labelmap.txt instead of classes.json": _labelmap,
    "ids out of order": _ids,
    "names in capitals": _renamed(lambda name: name.upper().replace("TRAIN", "T")),
    "suffixes in capitals": _renamed(lambda name: name.replace(".png", ".PNG")),
    "masks with an ending": _renamed(lambda name: name.replace(".png", "_mask.png"), "masks"),
    "names with spaces": _renamed(lambda name: f"ein Bild {name}"),
    "names in two forms of Unicode": _two_forms,
    "sub-folders": _sub_folders,
    "what systems leave behind": _remains,
    "images that are links": _linked,
    "a folder that is a link, and a link back": _linked_folder,
    "one split": _alone,
    "masks with a palette": _masks(_with_palette),
    "masks in the colours of the classes": _masks(lambda m: variants.COLORS[m]),
    "masks in colours with alpha": _masks(lambda m: variants.with_alpha(m, 0)),
    "masks of 16 bits": _masks(lambda m: m.astype(np.uint16)),
    "masks as TIFF": _masks(lambda m: m, ".tif"),
    "masks as compressed TIFF": _masks(lambda m: m, ".tif", compression="tiff_deflate"),
    "masks as BMP": _masks(lambda m: m, ".bmp"),
    "masks of one bit": _few_classes(_masks(lambda m: Image.fromarray(m > 0))),
    "masks in black and white": _few_classes(_masks(lambda m: m * np.uint8(255))),
    "masks with ignored pixels": _void,
    "images as JPEG": _photos(lambda image: image, ".jpg", quality=95),
    "images as progressive JPEG": _photos(lambda image: image, ".jpeg", progressive=True),
    "images in CMYK": _photos(lambda image: Image.fromarray(image).convert("CMYK"), ".jpg"),
    "images as WebP": _photos(lambda image: image, ".webp"),
    "images as BMP": _photos(lambda image: image, ".bmp"),
    "images as TIFF": _photos(lambda image: image, ".tif"),
    "grey images": _photos(lambda image: image[..., 1].copy()),
    "grey images of 16 bits": _photos(lambda image: image[..., 1].astype(np.uint16) * 257),
    "images with alpha": _photos(lambda image: np.dstack([image, np.full(SIZE, 255, np.uint8)])),
    "images with a palette": _photos(lambda image: Image.fromarray(image).quantize(200)),
    "PNGs that are called JPEG": _renamed(lambda name: name.replace(".png", ".jpg"), "images"),
    "images turned by EXIF, masks upright": _turned,
    "images and masks of other sizes": lambda root: (
        saved(image_of(root), variants.photo(3, (60, 48))),
        saved(mask_of(root), variants.labels(3, CLASSES, (60, 48))),
    ),
}
"""By name; each is planted into a folder of `write_base`."""
