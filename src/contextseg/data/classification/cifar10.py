"""CIFAR-10 from the official python or binary files, or from compact sheets of images."""

from __future__ import annotations

import os
import pickle
import zipfile
from pathlib import Path
from typing import IO, Any

import numpy as np

from contextseg.data.classification.array import LabelledArray, named_classes
from contextseg.data.images import read_image

NAMES = ("airplane", "automobile", "bird", "cat", "deer",
         "dog", "frog", "horse", "ship", "truck")  # fmt: skip
SIDE = 32
COUNTS = {"train": 50_000, "test": 10_000}
HELD_OUT = 5_000
"""Images at the end of the training set that form the split `val`; `train45` excludes them."""
SHEET = (25, 40)
"""Rows and columns of images on a sheet of the compact form."""

LARGEST_LABELS = 10**7
"""Bytes of the labels of the compact form, which has some 120,000."""
BATCHES = {"train": tuple(f"data_batch_{i}" for i in range(1, 6)), "test": ("test_batch",)}


def cifar10_form(root: str | os.PathLike[str]) -> tuple[str, Path] | None:
    """The form in which a folder stores CIFAR-10 (`python`, `binary` or `compact`), and its path.

    torchvision's layout is the python form in a sub-folder. None if this is not CIFAR-10.
    """
    base = Path(root)
    for folder in (base, base / "cifar-10-batches-py", base / "cifar-10-batches-bin"):
        if (folder / "test_batch").is_file():
            return "python", folder
        if (folder / "test_batch.bin").is_file():
            return "binary", folder
        if (folder / "labels.npz").is_file() and (folder / "images" / "test_00.webp").is_file():
            return "compact", folder
    return None


def read_cifar10(root: str | os.PathLike[str], split: str) -> LabelledArray:
    """A split of CIFAR-10, in the order of the original batches.

    Args:
        root: folder of the python files, the binary files, the compact form, or one that holds
            `cifar-10-batches-py` (torchvision's) or `cifar-10-batches-bin`.
        split: `train` (50,000 images) or `test` (10,000); `train45` and `val` are the first 45,000
            and the last 5,000 of `train`, for tuning without the test images.

    Returns:
        The images. `exact` is set if the compact form records which images are copies.

    Raises:
        ValueError: the folder does not hold CIFAR-10, a file is missing or broken, or the split
            is unknown.
    """
    form_and_folder = cifar10_form(root)
    if form_and_folder is None:
        raise ValueError(
            f"{root}: no CIFAR-10 here: expected data_batch_1 to 5 and test_batch (python files), "
            f"the same with .bin (binary files), labels.npz with images/ (compact form), or the "
            f"parent folder of one of these. Unpack the archive first."
        )
    part = {"train": "train", "test": "test", "train45": "train", "val": "train"}.get(split)
    if part is None:
        raise ValueError(
            f"{root}: CIFAR-10 has no split {split!r}; there are train, test, train45, val."
        )
    form, folder = form_and_folder
    exact = None
    if form == "python":
        images, labels = _join([_python_batch(folder / name) for name in BATCHES[part]])
    elif form == "binary":
        images, labels = _join([_binary_batch(folder / f"{name}.bin") for name in BATCHES[part]])
    else:
        images, labels, exact = _compact(folder, part)
    if labels.max(initial=0) >= len(NAMES):
        raise ValueError(f"{folder}: a label is {labels.max()}, CIFAR-10's are 0 to 9.")
    kept = slice(None)
    if split in ("train45", "val"):
        edge = len(images) - HELD_OUT
        kept = slice(edge) if split == "train45" else slice(edge, None)
    return LabelledArray(
        images=images[kept],
        labels=labels[kept].astype(np.int64),
        classes=named_classes("CIFAR-10", list(NAMES)),
        split=split,
        exact=None if exact is None else exact[kept],
    )


def _join(batches: list[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    """Turn batches of planes [n, 3072] and labels into images [N, 32, 32, 3] and labels [N]."""
    planes = np.concatenate([planes for planes, _ in batches])
    images = planes.reshape(-1, 3, SIDE, SIDE).transpose(0, 2, 3, 1)
    return np.ascontiguousarray(images), np.concatenate([labels for _, labels in batches])


class _ArraysOnly(pickle.Unpickler):
    """Unpickles arrays and nothing else: a pickle may name any function to call."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in {("numpy", "ndarray"), ("numpy", "dtype")}:
            return getattr(np, name)
        if name == "_reconstruct" and module in (
            "numpy.core.multiarray", "numpy._core.multiarray",
        ):  # fmt: skip
            return np._core.multiarray._reconstruct  # pyright: ignore[reportAttributeAccessIssue]
        if (module, name) == ("_codecs", "encode"):
            import _codecs

            return _codecs.encode
        raise pickle.UnpicklingError(f"it calls {module}.{name}")


def _python_batch(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Planes and labels of a python file, which is a pickle."""
    try:
        with path.open("rb") as file:
            content = _unpickled(file)
        planes, labels = content[b"data"], np.asarray(content[b"labels"])
        if planes.dtype != np.uint8 or planes.shape != (len(labels), 3 * SIDE**2):
            raise ValueError(f"it holds {planes.dtype} of shape {list(planes.shape)}")
    except FileNotFoundError:
        raise ValueError(f"{path}: the file is missing; CIFAR-10 is incomplete.") from None
    except Exception as error:  # a broken pickle can raise anything
        raise ValueError(f"{path}: not a batch of CIFAR-10: {error}.") from error
    return planes, labels


def _unpickled(file: IO[bytes]) -> dict[bytes, Any]:
    content = _ArraysOnly(file, encoding="bytes").load()
    if not isinstance(content, dict):
        raise ValueError(f"it holds a {type(content).__name__}")
    return {key.encode() if isinstance(key, str) else key: v for key, v in content.items()}


def _binary_batch(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Planes and labels of a binary file: for each image, one label byte and 3072 of planes."""
    if not path.is_file():
        raise ValueError(f"{path}: the file is missing; CIFAR-10 is incomplete.")
    row = 1 + 3 * SIDE**2
    content = np.fromfile(path, np.uint8)
    if len(content) == 0 or len(content) % row:
        raise ValueError(
            f"{path}: not a batch of CIFAR-10: {len(content)} bytes are not a multiple of {row}."
        )
    content = content.reshape(-1, row)
    return content[:, 1:], content[:, 0]


def _compact(folder: Path, part: str) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Images, labels and whether each image is exact, from sheets of 25 x 40 images."""
    rows, columns = SHEET
    path = folder / "labels.npz"
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > LARGEST_LABELS:
                raise ValueError("it is far larger than the labels of CIFAR-10")
        with np.load(path, allow_pickle=False) as file:
            labels = file[f"{part}_labels"]
            exact = file.get(f"{part}_exact")
        if labels.ndim != 1:
            raise ValueError(f"its labels are of shape {list(labels.shape)}")
    except (EOFError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path}: not the labels of CIFAR-10: {error}.") from error
    images = np.empty((len(labels), SIDE, SIDE, 3), np.uint8)
    each = rows * columns
    for number, start in enumerate(range(0, len(labels), each)):
        path = folder / "images" / f"{part}_{number:02d}.webp"
        sheet = read_image(path)
        if sheet.shape != (rows * SIDE, columns * SIDE, 3):
            raise ValueError(
                f"{path}: a sheet must be {columns * SIDE} x {rows * SIDE} pixels, got "
                f"{sheet.shape[1]} x {sheet.shape[0]}."
            )
        tiles = sheet.reshape(rows, SIDE, columns, SIDE, 3).swapaxes(1, 2)
        images[start : start + each] = tiles.reshape(each, SIDE, SIDE, 3)[: len(labels) - start]
    return images, labels, exact
