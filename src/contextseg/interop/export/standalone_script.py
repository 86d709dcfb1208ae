"""Segment images with the model beside this file.

    python segment.py photo.jpg folder/ -o masks

Needs NumPy, Pillow and ONNX Runtime, and nothing else: pip install -r requirements.txt. Masks are
PNG files of class ids with the colours of the classes as palette. From Python:

    from segment import Model
    mask = Model("model.onnx").mask("photo.jpg")  # PIL image of mode P
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import onnxruntime
from PIL import Image, ImageOps

SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"}
TILE_PIXELS = 1024 * 1024
"""Most pixels that the network sees at once; larger images are split into overlapping tiles."""
SMALLEST = 32
"""Fewest rows and columns that the network takes; the graph pads smaller images."""
TINTED = 0.6
"""Weight of the class colours in overlays."""


class Model:
    """A network in an ONNX file, with the classes that its metadata name.

    Args:
        path: the file, exported with pixels as input.
        threads: of the processor; None takes all.
    """

    def __init__(self, path: str | os.PathLike[str], threads: int | None = None) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads or 0
        # Upsample and compare one group of classes at a time, and keep no memory between images.
        options.execution_order = onnxruntime.ExecutionOrder.PRIORITY_BASED
        options.enable_mem_pattern = False
        options.enable_cpu_mem_arena = False
        self.session = onnxruntime.InferenceSession(
            os.fspath(path), options, providers=["CPUExecutionProvider"]
        )
        metadata = self.session.get_modelmeta().custom_metadata_map
        about = json.loads(metadata["contextseg"])
        if about["input"] != "uint8" or about["output"] != "mask":
            raise ValueError(f"{path} must take pixels and give labels (contextseg export).")
        self.mean = np.rint(np.array(json.loads(metadata["mean"]), np.float32) * 255)
        self.size: tuple[int, int] | None = about["size"] and tuple(about["size"])
        self.multiple: int = about["multiple"] or 1
        self.most = int(TILE_PIXELS / (about["model"].get("image_scale") or 1.0) ** 2)
        classes = about["classes"]["classes"]
        kept = [each for each in classes if not each["ignore"]]
        self.names: list[str] = [each["name"] for each in kept]
        """Names of the classes, by label."""
        self.ids = np.array([each["id"] for each in kept], np.uint8)
        """Their ids in masks, by label."""
        self.palette = np.zeros((256, 3), np.uint8)
        """Colours by id."""
        for each in classes:
            self.palette[each["id"]] = each["color"]

    def labels(self, pixels: np.ndarray) -> np.ndarray:
        """Labels [h, w] of pixels [h, w, 3], uint8, RGB."""
        canvas = self._padded(pixels)
        labels: np.ndarray = np.empty(canvas.shape[:2], np.uint8)
        tall, wide = self._tile(labels.shape[0], labels.shape[1])
        for top, bottom, row, row_end in tiles(labels.shape[0], tall):
            for left, right, column, column_end in tiles(labels.shape[1], wide):
                tile = np.ascontiguousarray(canvas[top:bottom, left:right])
                found = np.asarray(self.session.run(["mask"], {"image": tile[None]})[0])
                own = found[0, row - top : row_end - top, column - left : column_end - left]
                labels[row:row_end, column:column_end] = own
        return labels[: pixels.shape[0], : pixels.shape[1]]

    def mask(self, image: str | os.PathLike[str] | Image.Image) -> Image.Image:
        """Class ids of an image, with the palette."""
        mask = Image.fromarray(self.ids[self.labels(read(image))])
        mask.putpalette(self.palette.tobytes())
        return mask

    def _padded(self, pixels: np.ndarray) -> np.ndarray:
        """The image, padded below and to the right to a size that the network takes."""
        unit = 1 if self.size else self.multiple
        least = self.size or (SMALLEST, SMALLEST)
        rows, columns = (
            -(-max(side, needed) // unit) * unit
            for side, needed in zip(pixels.shape[:2], least, strict=True)
        )
        canvas = np.empty((rows, columns, 3), np.uint8)
        canvas[:] = self.mean
        canvas[: pixels.shape[0], : pixels.shape[1]] = pixels
        return canvas

    def _tile(self, rows: int, columns: int) -> tuple[int, int]:
        """Rows and columns of the tiles of a canvas."""
        if self.size is not None:
            return self.size
        if rows * columns <= self.most:
            return rows, columns
        # If an image is narrow in one direction, its tiles are longer in the other.
        tall = min(math.isqrt(self.most), rows)
        wide = min(self.most // tall, columns)
        return min(self.most // wide, rows), wide


def tiles(length: int, side: int) -> Iterator[tuple[int, int, int, int]]:
    """Tiles along one dimension; neighbours overlap by a third.

    Args:
        length: pixels of the canvas.
        side: pixels of a tile.

    Yields:
        First pixel that the network sees and the one after the last, then the same of those that
        take their labels from this tile, whose edges are farthest from them.
    """
    last = max(0, length - side)
    starts = [*range(0, last, max(1, side * 2 // 3)), last]
    middles = [(before + side + after) // 2 for before, after in pairwise(starts)]
    for start, first, end in zip(starts, [0, *middles], [*middles, length], strict=True):
        yield start, start + side, first, end


def read(image: str | os.PathLike[str] | Image.Image) -> np.ndarray:
    """The pixels of an image, [h, w, 3], uint8, RGB: upright, transparency on white."""
    opened = image if isinstance(image, Image.Image) else Image.open(image)
    upright = ImageOps.exif_transpose(opened)
    if upright.mode.startswith("I") or upright.mode == "F":
        values = np.array(upright)
        if upright.mode == "F" or values.min() < 0 or values.max() > 65535:
            raise ValueError("this kind of image is read by contextseg only")
        grey = ((values.astype(np.uint32) + 128) // 257).astype(np.uint8)
        return np.repeat(grey[..., None], 3, axis=2)
    if upright.has_transparency_data:
        upright = upright.convert("RGBA")
        white = Image.new("RGBA", upright.size, "white")
        upright = Image.alpha_composite(white, upright)
    return np.array(upright.convert("RGB"))


def images(paths: list[str]) -> Iterator[tuple[Path, Path]]:
    """Images among files and folders, each with the name of its results below their folder."""
    taken = set()
    for path in map(Path, paths):
        below = sorted(path.rglob("*")) if path.is_dir() else [path]
        for file in below:
            if file == path or file.suffix.lower() in SUFFIXES:
                name = Path(file.name) if file == path else file.relative_to(path)
                short = name.with_suffix(".png")
                yield file, name.with_name(f"{name.name}.png") if short in taken else short
                taken.add(short)


def save(picture: Image.Image, path: Path) -> None:
    """Write a PNG file that is complete whenever it is there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    picture.save(partial, format="PNG")
    partial.replace(path)


def main() -> int:
    """Segment the images that the command line names."""
    parser = argparse.ArgumentParser(description="Segment images.")
    parser.add_argument("paths", nargs="+", metavar="PATH", help="images and folders")
    parser.add_argument("-o", "--out", default="masks", metavar="DIR", help="for masks (masks)")
    parser.add_argument("--overlays", metavar="DIR", help="also write images in class colours")
    parser.add_argument("--model", default=Path(__file__).with_name("model.onnx"), metavar="FILE")
    parser.add_argument("--threads", type=int, metavar="N", help="of the processor (all)")
    options = parser.parse_args()
    model = Model(options.model, options.threads)
    failed = 0
    for path, name in images(options.paths):
        try:
            image = Image.fromarray(read(path))
            mask = model.mask(image)
        except (OSError, ValueError, Image.DecompressionBombError) as error:
            print(f"{path}: {error}", file=sys.stderr)
            failed += 1
            continue
        save(mask, Path(options.out) / name)
        if options.overlays is not None:
            tinted = Image.blend(image, mask.convert("RGB"), TINTED)
            save(tinted, Path(options.overlays) / name)
        print(path)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
