"""Samples of any dataset in the one form that training and evaluation rely on."""

from __future__ import annotations

from typing import Any

import numpy as np
from PIL import Image

from contextseg.config.labels import IGNORED
from contextseg.data.bands import images_in, read_pixels
from contextseg.data.sample import Dataset, Sample


def checked_sample(dataset: Dataset, index: int, epoch: int = 0) -> Sample:
    """Sample `index` of a dataset, perhaps of your own class.

    The image may be all that `read_image` takes, such as floats in 0 to 1, which become uint8. The
    labels may be an array, a tensor or a PIL image of integers. A dataset of other images than
    photos says in its attribute `images` (`ImagesConfig`) what they are.

    Returns:
        Image [h, w, 3] and labels [h, w], both uint8 and contiguous, and the name. An image that is
        no photo is as from `contextseg.data.bands.read_pixels`.

    Raises:
        ValueError: the image is of another shape or range, the labels have another size than the
            image, or a value that is neither a label nor 255; the message names the sample.
    """
    of_epoch = getattr(dataset, "of_epoch", None)
    sample: Any = (dataset if of_epoch is None else of_epoch(epoch))[index]
    if not isinstance(sample, tuple | list) or len(sample) != 3:
        raise ValueError(
            f"{_where(dataset, index)}: must be a contextseg.data.sample.Sample of image, labels "
            f"and name, got {type(sample).__name__}."
        )
    image, labels, name = sample
    images = images_in(dataset)
    dtype = np.float32 if images.is_scaled else np.uint8
    if not (isinstance(image, np.ndarray) and image.dtype == dtype and image.ndim == 3
            and image.shape[2] == images.count):  # fmt: skip
        try:
            image = read_pixels(image, images)
        except ValueError as error:
            raise ValueError(f"{_where(dataset, index)}: {error}") from None
    labels = _labels(dataset, index, labels)
    if labels.shape != image.shape[:2]:
        raise ValueError(
            f"{_where(dataset, index)}: the labels have {labels.shape[0]} rows and "
            f"{labels.shape[1]} columns, the image {image.shape[0]} and {image.shape[1]}."
        )
    return Sample(np.ascontiguousarray(image), labels, name)


def checked_labels(dataset: Dataset, index: int) -> np.ndarray:
    """Labels [h, w] of sample `index`, uint8; without its image, if the dataset can do that.

    Raises:
        ValueError: as for `checked_sample`.
    """
    read = getattr(dataset, "read_labels", None)
    if read is None:
        return checked_sample(dataset, index).labels
    return _labels(dataset, index, read(index))


def _labels(dataset: Dataset, index: int, labels: Any) -> np.ndarray:
    if hasattr(labels, "detach"):  # a tensor, without importing torch
        labels = labels.detach().cpu().numpy()
    elif isinstance(labels, Image.Image):
        labels = np.array(labels)
    if not isinstance(labels, np.ndarray) or labels.ndim != 2:
        got = list(labels.shape) if isinstance(labels, np.ndarray) else type(labels).__name__
        raise ValueError(
            f"{_where(dataset, index)}: the labels must be an array [h, w] of integers, got {got}."
        )
    if labels.dtype.kind not in "bui":
        raise ValueError(
            f"{_where(dataset, index)}: the labels must be integers, got {labels.dtype}."
        )
    last = dataset.classes.num_classes - 1
    wrong = (labels < 0) | ((labels > last) & (labels != IGNORED))
    if wrong.any():
        values, counts = np.unique(labels[wrong], return_counts=True)
        listed = ", ".join(f"{v} ({n} pixels)" for v, n in zip(values[:5], counts[:5], strict=True))
        raise ValueError(
            f"{_where(dataset, index)}: the labels hold {listed}, where 0 to {last} is expected, "
            f"and {IGNORED} for ignored pixels."
        )
    return np.ascontiguousarray(labels, np.uint8)


def _where(dataset: Dataset, index: int) -> str:
    return f"sample {index} of {dataset.classes.dataset or 'the data set'}, {dataset.split}"
