"""Folders as people have them: arrangements, names, codings, splits, and things gone wrong."""

from __future__ import annotations

import io
import unicodedata
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

SIZE = (24, 32)
NUMBER = 10
Coding = Callable[[np.ndarray, int], "Image.Image | np.ndarray"]
COLORS = np.array([[0, 0, 0], [128, 64, 128], [0, 130, 180], [119, 11, 32]], np.uint8)


def photo(seed: int, size: tuple[int, int] = SIZE) -> np.ndarray:
    """A noisy picture."""
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), np.uint8)
    noise = np.random.default_rng(seed).integers(-20, 21, (*size, 3))
    smooth = cv2.resize(coarse, size[::-1], interpolation=cv2.INTER_CUBIC)
    return np.clip(smooth + noise, 0, 255).astype(np.uint8)


def labels(seed: int, classes: int = 4, size: tuple[int, int] = SIZE) -> np.ndarray:
    """Blocks of classes, of which class seed % classes surely occurs."""
    rng = np.random.default_rng(seed)
    blocks = rng.integers(0, classes, (3, 4))
    blocks[0, 0] = seed % classes
    rows, columns = size[0] // 3, size[1] // 4
    return blocks.repeat(rows, 0).repeat(columns, 1).astype(np.uint8)


def save(path: Path, picture: Image.Image | np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    image.save(path)
    return path


def ids(*values: int, dtype: type = np.uint8) -> Coding:
    """Class l is written as `values[l]`."""
    return lambda mask, _: np.array(values, dtype)[mask]


def colors(mask: np.ndarray, _: int) -> np.ndarray:
    return COLORS[mask]


def with_palette(mask: np.ndarray, _: int = 0, palette: np.ndarray = COLORS) -> Image.Image:
    image = Image.fromarray(mask)
    image.putpalette(palette.tobytes())
    return image


def write(
    root: Path,
    image: str = "images/{}.jpg",
    mask: str = "masks/{}.png",
    names: Sequence[str] = tuple(f"n{i}x" for i in range(NUMBER)),
    coding: Coding = lambda mask, _: mask,
    classes: int = 4,
    size: tuple[int, int] = SIZE,
) -> Path:
    """Pairs whose paths have the form of `image` and `mask`."""
    for seed, name in enumerate(names):
        save(root / image.format(name), photo(seed, size))
        save(root / mask.format(name), coding(labels(seed, classes, size), seed))
    return root


def in_folders(*folders: str) -> list[str]:
    """Two names in each folder."""
    return [f"{folder}/{i}" for folder in folders for i in ("a", "b")]


def both(root: Path, image: str, mask: str, splits: Sequence[str] = ("train", "val")) -> Path:
    """Pairs in every split; the first `{}` is the split."""
    for place, split in enumerate(splits):
        names = [f"{'abcdefgh'[i]}{place}" for i in range(6)]
        write(root, image.format(split, "{}"), mask.format(split, "{}"), names)
    return root


def cityscapes_names(root: Path) -> Path:
    write(root, "{}_leftImg8bit.png", "{}_gtFine_labelIds.png")
    for i in range(NUMBER):
        save(root / f"n{i}x_gtFine_color.png", COLORS[labels(i)])
        save(root / f"n{i}x_gtFine_instanceIds.png", labels(i + 50, 9))
    return root


def lists(root: Path, where: str, line: str = "{}") -> Path:
    names = [f"n{i}x" for i in range(NUMBER)]
    (root / where).mkdir(parents=True, exist_ok=True)
    for split, chosen in (("train", names[:7]), ("val", names[7:])):
        text = "".join(line.format(name) + "\n" for name in chosen)
        (root / where / f"{split}.txt").write_text(text)
    return root


def with_border(mask: np.ndarray, _: int) -> Image.Image:
    """VOC's palette coding: a border of 255."""
    palette = np.zeros((256, 3), np.uint8)
    palette[:4], palette[255] = COLORS, (224, 224, 192)
    framed = mask.copy()
    framed[:3] = 255
    return with_palette(framed, palette=palette)


def with_alpha(mask: np.ndarray, _: int) -> np.ndarray:
    return np.dstack([COLORS[mask], np.full_like(mask, 255)])


def decomposed(root: Path) -> Path:
    """Names in the form of macOS, with spaces."""
    names = [unicodedata.normalize("NFD", f"Fäche {i} é") for i in range(NUMBER)]
    return write(root, "Meine Bilder/{}.jpg", "Meine Masken mask/{}.png", names)


def labelmap(root: Path) -> Path:
    write(root, "JPEGImages/{}.jpg", "SegmentationClass/{}.png", coding=colors)
    lines = (f"k{i}:{','.join(map(str, color))}::" for i, color in enumerate(COLORS.tolist()))
    (root / "labelmap.txt").write_text("\n".join(lines))
    return root


def compressed(mask: np.ndarray, _: int) -> np.ndarray:
    """Colours that were a JPEG once."""
    file = io.BytesIO()
    Image.fromarray(COLORS[mask]).save(file, "JPEG", quality=60)
    return np.array(Image.open(file))


def smoothed(mask: np.ndarray, _: int) -> np.ndarray:
    """Black and white, scaled with interpolation."""
    small = (mask % 2 * 255).astype(np.uint8)
    return cv2.GaussianBlur(small, (5, 5), 1.2)


def renumbered(mask: np.ndarray, seed: int) -> Image.Image:
    """A palette of its own in every file."""
    order = np.random.default_rng(seed).permutation(4)
    return with_palette(np.argsort(order).astype(np.uint8)[mask], palette=COLORS[order])


def mixed_codings(mask: np.ndarray, seed: int) -> np.ndarray:
    return COLORS[mask] if seed % 2 else mask


def broken(root: Path) -> Path:
    """Two of the pairs have faults."""
    write(root)
    path = root / "masks/n0x.png"
    path.write_bytes(path.read_bytes()[:50])
    save(root / "masks/n1x.png", labels(1)[:16])
    return root


def unlabelled(root: Path) -> Path:
    """Images without a mask among the others."""
    write(root)
    for i in range(5):
        save(root / f"images/more{i}.jpg", photo(90 + i))
    return root


def twins(root: Path) -> Path:
    """An image that is there twice, in two formats."""
    write(root)
    save(root / "images/n0x.webp", photo(0))
    return root


def hidden(root: Path) -> Path:
    """Files of other kinds, and those that systems leave behind."""
    write(root)
    for name in (".DS_Store", "Thumbs.db", "README.md", "masks/.n0x.png", "images/n0x.json"):
        (root / name).write_bytes(b"\0\1")
    return root


def object_masks(root: Path) -> Path:
    """A file for each object."""
    for i in range(4):
        save(root / f"{i}/images/{i}.png", photo(i))
        for k in range(3):
            save(root / f"{i}/masks/{i * 7 + k * 11 + 100}.png", labels(k, 2) * 255)
    return root
