"""Parquet files of Hugging Face data sets, with images and masks of ids in their columns."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

from contextseg.config.labels import IGNORED
from contextseg.data.formats.dense import grey_values, shapes_of
from contextseg.data.formats.documents import read_json, require
from contextseg.data.formats.log import FormatError
from contextseg.data.formats.objects import IGNORE_NAME, Export, Item, Label, Shape, Size
from contextseg.data.formats.reading import Reading
from contextseg.data.formats.splits import split_name
from contextseg.data.formats.tree import Tree
from contextseg.data.mask_files import read_stored_mask
from contextseg.data.picture_files import ImageError
from contextseg.data.setup.path_words import split_of_path
from contextseg.system.extras import optional

_IMAGES = ("image", "pixel_values", "img")
_MASKS = ("annotation", "label", "mask", "labels", "segmentation_mask", "semantic_segmentation")
_NAMES = "id2label.json"
_ROWS = 16
_NUMBERED = {number: f"class_{number}" for number in range(IGNORED)}


def recognise(tree: Tree) -> bool:
    """Whether a tree holds Parquet files."""
    return bool(tree.files(".parquet"))


def read(tree: Tree, reading: Reading) -> Export:
    """Open a data set; names of classes are in `id2label.json`, else classes are `class_ID`.

    Raises:
        MissingPackageError: pyarrow is not installed.
        ValueError: `id2label.json` is broken.
    """
    parquet = optional("pyarrow.parquet", "formats")
    names: dict[int, str] = {}
    for path in tree.names:
        if PurePosixPath(path).name == _NAMES:
            try:
                content = require(read_json(tree.path(path)), dict, "the content")
                names = {int(key): require(name, str, key) for key, name in content.items()}
            except (FormatError, ValueError) as error:
                raise ValueError(f"{tree.root / path}: {error}") from None
            break
    labels = [Label(name, number) for number, name in names.items() if number != IGNORED]
    preferred = {} if names else {name: number for number, name in _NUMBERED.items()}
    return Export(_items(tree, parquet, names, reading), labels, preferred=preferred)


def _items(tree: Tree, parquet: Any, names: dict[int, str], reading: Reading) -> Iterator[Item]:
    for file in tree.files(".parquet"):
        with reading.part(file):
            try:
                table = parquet.ParquetFile(tree.path(file))
            except (OSError, ValueError) as error:  # pyarrow's own errors are ValueErrors
                raise FormatError(f"is no Parquet file: {str(error).splitlines()[0]}") from None
            columns = table.schema_arrow.names
            image = next((name for name in _IMAGES if name in columns), None)
            mask = next((name for name in _MASKS if name in columns), None)
            if image is None or mask is None:
                raise FormatError(
                    f"has the columns {', '.join(columns)}; an image ({', '.join(_IMAGES)}) and a "
                    f"mask ({', '.join(_MASKS)}) are needed"
                )
            split = split_name(PurePosixPath(file).stem) or split_of_path(file)
            row = 0
            for batch in table.iter_batches(_ROWS, columns=[image, mask]):
                for entry in batch.to_pylist():
                    with reading.part(f"{file}: row {row}"):
                        yield _item(entry[image], entry[mask], file, row, split, names, reading)
                    row += 1


def _item(
    image: Any, mask: Any, file: str, row: int, split: str | None, names: dict[int, str],
    reading: Reading,
) -> Item:  # fmt: skip
    where = f"{file}: row {row}"
    content, stored = _bytes(image, "image"), _bytes(mask, "mask")
    path = image.get("path")
    name = PurePosixPath(path.replace("\\", "/")).name if isinstance(path, str) and path else ""
    reference = name or f"{PurePosixPath(file).stem}_{row:06d}.png"
    return Item(
        where, reference, content,
        lambda size: _shapes(stored, names, size, where, reading), None, split,
    )  # fmt: skip


def _bytes(value: Any, what: str) -> bytes:
    content = value.get("bytes") if isinstance(value, dict) else None
    if not isinstance(content, bytes) or not content:
        raise FormatError(f"its {what} is not stored in the file")
    return content


def _shapes(
    stored: bytes, names: dict[int, str], size: Size, where: str, reading: Reading
) -> Iterator[Shape]:
    try:
        values = grey_values(read_stored_mask(f"the mask of {where}", stored))
    except ImageError as error:
        raise FormatError(str(error)) from None
    known = {IGNORED: IGNORE_NAME, **(names or _NUMBERED)}
    yield from shapes_of(values, known, size, where, reading)
