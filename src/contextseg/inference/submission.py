"""Write predictions as archives for the test servers of VOC and Cityscapes."""

from __future__ import annotations

import io
import os
import tarfile
import zipfile
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image

from contextseg.config import ProtocolConfig
from contextseg.data.pairing import ListedDataset
from contextseg.data.vocabularies import vocabulary
from contextseg.inference.predictor import Predictor
from contextseg.system.atomic_files import atomic_path
from contextseg.system.progress import track

SUFFIXES = {"voc2012": ".tar.gz", "cityscapes": ".zip"}
"""The archive format that each server expects."""


def write_submission(
    path: str | os.PathLike[str],
    predictor: Predictor,
    dataset: ListedDataset,
    *,
    scales: Sequence[float] = (1.0,),
    flip: bool = False,
    window: int | tuple[int, int] | None = None,
    protocol: ProtocolConfig | None = None,
    competition: Literal["comp5", "comp6"] = "comp6",
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Segment the images of a split and write the archive that its server expects.

    VOC 2012: results/VOC2012/Segmentation/comp6_test_cls/NAME.png in a .tar.gz, palette images of
    labels 0 to 20 in VOC's colours. Cityscapes: NAME.png in a .zip, grey images of label ids (7 to
    33, not the train ids), each at the size of its image.

    Args:
        path: archive to write, atomically.
        predictor: a model with the classes of the dataset.
        dataset: the test split of `voc2012` or `cityscapes`; other splits work as well.
        scales: factors of each image's own size to average over, as in `Predictor`.
        flip: average with the mirror image.
        window: side, or rows and columns, of sliding windows in pixels of the scaled image.
        protocol: evaluation protocol, instead of scales, flip and window.
        competition: for VOC: `comp5` if trained on its own data alone, `comp6` if on any data.
        progress: called after each image with the number done and the total.

    Raises:
        ValueError: the dataset has no server, the path does not have the suffix of its archives,
            the model has other classes, or takes other images than photos.
    """
    if not predictor.config.images.is_rgb:
        raise ValueError(
            f"submission: the servers' images are photos, but the model takes "
            f"{predictor.config.images}."
        )
    name = _server(dataset)
    if not str(path).endswith(SUFFIXES[name]):
        raise ValueError(
            f"{path}: the server of {name} expects a file that ends in {SUFFIXES[name]}."
        )
    if predictor.classes.names != dataset.classes.names:
        raise ValueError(
            f"submission: the model's classes are not those of {dataset.classes.dataset}; the "
            f"server would misread its labels."
        )
    folder = f"results/VOC2012/Segmentation/{competition}_test_cls/" if name == "voc2012" else ""
    with (
        atomic_path(path) as partial,
        _archive(partial, name) as add,
        track("predicting", also=progress) as task,
    ):
        for index, entry in enumerate(dataset.entries):
            labels = predictor.segment(
                dataset.image(index), scales=scales, flip=flip, window=window, protocol=protocol
            ).labels
            ids = dataset.classes.to_ids(labels.cpu().numpy())
            palette = dataset.classes.palette if name == "voc2012" else None
            add(f"{folder}{entry.name}.png", _png(ids, palette))
            task(index + 1, len(dataset))


def _server(dataset: ListedDataset) -> str:
    for name in SUFFIXES:
        if dataset.classes == vocabulary(name):
            return name
    raise ValueError(
        f"submission: no server format is known for {dataset.classes.dataset}, only for "
        f"{', '.join(SUFFIXES)}. `contextseg predict` writes masks for any dataset."
    )


def _png(ids: np.ndarray, palette: np.ndarray | None) -> bytes:
    image = Image.fromarray(ids)
    if palette is not None:
        image.putpalette(palette.tobytes())
    buffer = io.BytesIO()
    image.save(buffer, format="PNG")
    return buffer.getvalue()


@contextmanager
def _archive(path: Path, name: str):
    """Open an archive; yields a function that adds a file with a name and its content."""
    if SUFFIXES[name] == ".zip":
        with zipfile.ZipFile(path, "w") as archive:  # PNGs are already compressed
            yield archive.writestr
        return
    with tarfile.open(path, "w:gz", compresslevel=1) as archive:

        def add(file: str, content: bytes) -> None:
            info = tarfile.TarInfo(file)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))

        yield add
