"""Small trees in the layouts in which public datasets are downloaded."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from contextseg.data.vocabularies import vocabulary

SIZE = (40, 56)


def photo(seed: int, size: tuple[int, int] = SIZE) -> Image.Image:
    """A noisy picture of rows x columns."""
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (*size, 3), np.uint8))


def ids_of(name: str, seed: int, size: tuple[int, int] = SIZE) -> np.ndarray:
    """Blocks of any ids that the dataset's files may hold, [rows, columns], uint8."""
    known = vocabulary(name)
    ids = [info.id for info in known.classes + known.ignored]
    blocks = np.random.default_rng(seed).choice(ids, (size[0] // 8, size[1] // 8))
    return blocks.repeat(8, 0).repeat(8, 1).astype(np.uint8)


def save(path: Path, picture: Image.Image | np.ndarray, **options: Any) -> Path:
    """Write a picture, and its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    picture.save(path, **options)
    return path


def write_names(path: Path, names: Iterable[str]) -> None:
    """A list of names, one a line."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{name}\n" for name in names))


def write_ade20k(root: Path, images: int = 3) -> Path:
    base = root / "ADEChallengeData2016"
    for folder, short in (("training", "train"), ("validation", "val")):
        for i in range(images):
            name = f"ADE_{short}_{i:08d}"
            save(base / "images" / folder / f"{name}.jpg", photo(i))
            save(base / "annotations" / folder / f"{name}.png", ids_of("ade20k", i))
    return base


def write_coco_stuff(root: Path, images: int = 3, maps: str = "annotations") -> Path:
    prefix = "images/" if maps == "annotations" else ""
    for split in ("train2017", "val2017"):
        for i in range(images):
            save(root / f"{prefix}{split}" / f"{i:012d}.jpg", photo(i))
            save(root / maps / split / f"{i:012d}.png", ids_of("coco_stuff", i))
    return root


def write_camvid(root: Path, images: int = 3) -> Path:
    for split in ("train", "val", "test"):
        for i in range(images):
            name = f"0001TP_{i:06d}"
            save(root / split / f"{name}.png", photo(i))
            save(root / f"{split}annot" / f"{name}.png", ids_of("camvid", i))
    return root


def write_cityscapes(root: Path, images: int = 3, size: tuple[int, int] = SIZE) -> Path:
    for split in ("train", "val", "test"):
        for i in range(images):
            city = ("aachen", "ulm")[i % 2]
            name = f"{city}_{i:06d}_000019"
            save(root / "leftImg8bit" / split / city / f"{name}_leftImg8bit.png", photo(i, size))
            ids = ids_of("cityscapes", i, size) if split != "test" else np.zeros(size, np.uint8)
            folder = root / "gtFine" / split / city
            save(folder / f"{name}_gtFine_labelIds.png", ids)
            save(folder / f"{name}_gtFine_color.png", photo(i, size))
    return root


def write_voc(root: Path, images: int = 3) -> Path:
    base = root / "VOCdevkit" / "VOC2012"
    palette = vocabulary("voc2012").palette.tobytes()
    for split in ("train", "val", "test"):
        names = [f"2007_{split}{i}" for i in range(images)]
        write_names(base / "ImageSets" / "Segmentation" / f"{split}.txt", names)
        for i, name in enumerate(names):
            save(base / "JPEGImages" / f"{name}.jpg", photo(i))
            if split != "test":
                mask = Image.fromarray(ids_of("voc2012", i))
                mask.putpalette(palette)
                save(base / "SegmentationClass" / f"{name}.png", mask)
    return base


def write_sbd(root: Path, names: dict[str, list[str]]) -> Path:
    from scipy.io import savemat

    base = root / "benchmark_RELEASE" / "dataset"
    for split, some in names.items():
        write_names(base / f"{split}.txt", some)
        for i, name in enumerate(some):
            save(base / "img" / f"{name}.jpg", photo(i))
            ids = ids_of("voc2012", i)
            ids[ids == 255] = 0
            (base / "cls").mkdir(exist_ok=True)
            savemat(base / "cls" / f"{name}.mat", {"GTcls": {"Segmentation": ids}})
    return base


def run_lengths(mask: np.ndarray) -> str:
    """COCO's compressed run lengths of a binary mask, literally, number by number."""
    runs, value = [0], False
    for pixel in mask.T.reshape(-1).tolist():
        if pixel != value:
            runs.append(0)
            value = not value
        runs[-1] += 1
    text = ""
    for i, run in enumerate(runs):
        number = run - runs[i - 2] if i > 2 else run
        more = True
        while more:
            group = number & 31
            number >>= 5
            more = number != (-1 if group & 16 else 0)
            text += chr(group + (32 if more else 0) + 48)
    return text


def write_context_json(root: Path, images: int = 3) -> Path:
    """VOC2010 with the file of the Detail API."""
    from contextseg.data.layouts.pascal_context import DETAIL_IDS

    base = root / "VOCdevkit" / "VOC2010"
    content: dict[str, list[dict[str, Any]]] = {"images": [], "annos_segmentation": []}
    for number, split in enumerate(("train", "val")):
        for i in range(images):
            name, image_id = f"2008_{split}{i}", 10 * number + i
            save(base / "JPEGImages" / f"{name}.jpg", photo(i))
            content["images"].append(
                {
                    "file_name": f"{name}.jpg", "image_id": image_id, "phase": split,
                    "height": SIZE[0], "width": SIZE[1],
                }
            )  # fmt: skip
            ids = ids_of("pascal_context_60", i)
            for value in np.unique(ids[ids > 0]):
                content["annos_segmentation"].append(
                    {
                        "image_id": image_id,
                        "category_id": DETAIL_IDS[value],
                        "segmentation": {"size": list(SIZE), "counts": run_lengths(ids == value)},
                    }
                )
    (base / "trainval_merged.json").write_text(json.dumps(content))
    return base


def write_context_png(root: Path, images: int = 3) -> Path:
    """VOC2010 with masks that were converted."""
    base = root / "VOCdevkit" / "VOC2010"
    for split in ("train", "val"):
        names = [f"2008_{split}{i}" for i in range(images)]
        write_names(base / "ImageSets" / "SegmentationContext" / f"{split}.txt", names)
        for i, name in enumerate(names):
            save(base / "JPEGImages" / f"{name}.jpg", photo(i))
            save(base / "SegmentationClassContext" / f"{name}.png", ids_of("pascal_context_60", i))
    return base
