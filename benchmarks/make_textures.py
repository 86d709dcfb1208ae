"""A small set of textures, cut out of labelled photographs, split by photo and video sequence.

    python -m benchmarks.make_textures DATA OUT

DATA holds `camvid/` and `samples/` (COCO-Stuff and ADE20K in their own layouts); OUT gets
`train/CLASS/*.png` and `test/CLASS/*.png`, patches that lie within the region of one label.
CamVid's sequence Seq05VD is for testing alone, its training frames for training; the few photos of
COCO-Stuff and ADE20K train and test by turns. No photo is in both splits. A class with fewer than
ten patches in either split is left out.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

SIDE = 48
PURE = 0.97
"""Share of a patch that must have its label."""
CAMVID = {0: "sky", 1: "building", 3: "road", 4: "pavement", 5: "tree", 7: "fence", 8: "car"}
# Values in the files: COCO-Stuff writes its ids less one, ADE20K its own.
COCO = {
    123: "grass",
    148: "road",
    156: "sky",
    168: "tree",
    **dict.fromkeys(range(170, 177), "wall"),
}
ADE = {1: "wall", 3: "sky", 5: "tree", 7: "road", 10: "grass"}
FEWEST = 10
Photo = tuple[str, Path, Path, dict[int, str]]
"""Name, image, mask, class by label."""


def main() -> None:
    """Write the patches and say how many there are."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path, metavar="DATA")
    parser.add_argument("out", type=Path, metavar="OUT")
    parser.add_argument("--train", type=int, default=100, help="most patches a class to train on")
    parser.add_argument("--test", type=int, default=60, help="most patches a class to test on")
    options = parser.parse_args()
    found = {
        "train": patches(train_photos(options.data)),
        "test": patches(test_photos(options.data)),
    }
    both = sorted(
        kind
        for kind in found["train"]
        if min(len(found[split].get(kind, ())) for split in found) >= FEWEST
    )
    for split, most in (("train", options.train), ("test", options.test)):
        for kind in both:
            chosen = spread(found[split][kind], most)
            folder = options.out / split / kind
            folder.mkdir(parents=True, exist_ok=True)
            for name, patch in chosen:
                Image.fromarray(patch).save(folder / f"{name}.png")
            photos = len({name.rpartition("_")[0] for name, _ in chosen})
            print(f"{split:6} {kind:10} {len(chosen):4} patches of {photos} photos")


def train_photos(data: Path) -> Iterator[Photo]:
    """Photos to cut training patches from."""
    yield from of_folder(data / "camvid", "images/train", "masks/train", CAMVID)
    yield from stills(data)[0::2]


def test_photos(data: Path) -> Iterator[Photo]:
    """Photos to cut test patches from."""
    for photo in of_folder(data / "camvid", "images/test", "masks/test", CAMVID):
        if photo[0].startswith("Seq05VD"):  # the other test frames' sequence trains as well
            yield photo
    yield from stills(data)[1::2]


def stills(data: Path) -> list[Photo]:
    """The photos of COCO-Stuff and ADE20K."""
    found: list[Photo] = []
    for part in ("train2017", "val2017"):
        coco = data / "samples" / "coco_stuff164k"
        found += of_folder(coco, f"images/{part}", f"annotations/{part}", COCO)
    for part in ("training", "validation"):
        ade = data / "samples" / "ade20k" / "ADEChallengeData2016"
        found += of_folder(ade, f"images/{part}", f"annotations/{part}", ADE)
    return found


def of_folder(root: Path, images: str, masks: str, kinds: dict[int, str]) -> Iterator[Photo]:
    """The photos of a folder, sorted."""
    for image in sorted((root / images).iterdir()):
        yield image.stem, image, root / masks / f"{image.stem}.png", kinds


def patches(photos: Iterator[Photo]) -> dict[str, list[tuple[str, np.ndarray]]]:
    """Patches by class, those of a photo without overlap, the purest first."""
    found: dict[str, list[tuple[str, np.ndarray]]] = {}
    for name, image_path, mask_path, kinds in photos:
        image = np.asarray(Image.open(image_path).convert("RGB"))
        mask = np.asarray(Image.open(mask_path))
        for kind in sorted(set(kinds.values())):
            labels = [label for label, other in kinds.items() if other == kind]
            inside = np.isin(mask, labels).astype(np.float32)
            for number, (row, column) in enumerate(places(inside)):
                patch = image[row : row + SIDE, column : column + SIDE]
                found.setdefault(kind, []).append((f"{name}_{number}", patch))
    return found


def places(inside: np.ndarray, most: int = 12) -> Iterator[tuple[int, int]]:
    """Corners of patches within a region, that do not overlap."""
    if min(inside.shape) < SIDE:
        return
    share = cv2.boxFilter(inside, -1, (SIDE, SIDE), anchor=(0, 0))
    share = share[: inside.shape[0] - SIDE + 1, : inside.shape[1] - SIDE + 1].copy()
    for _ in range(most):
        row, column = np.unravel_index(int(share.argmax()), share.shape)
        if share[row, column] < PURE:
            return
        yield int(row), int(column)
        top, left = max(0, row - SIDE + 1), max(0, column - SIDE + 1)
        share[top : row + SIDE, left : column + SIDE] = 0


def spread(items: list[tuple[str, np.ndarray]], most: int) -> list[tuple[str, np.ndarray]]:
    """At most so many items, evenly over all, which follow their photos."""
    if len(items) <= most:
        return items
    return [items[i] for i in np.linspace(0, len(items) - 1, most).round().astype(int)]


if __name__ == "__main__":
    main()
