"""What may stand for an image besides a file's path: file objects, tensors, batches of one."""

from __future__ import annotations

import io
import os
from typing import Any

import numpy as np
from PIL import Image

from contextseg.data.picture_files import ImageError

_LARGEST_OF_8_BITS = 255
_BYTES = (bytes, bytearray, memoryview)


class NamedContent(io.BytesIO):
    """The content of a file with its name, for messages."""

    def __init__(self, content: bytes, name: str) -> None:
        super().__init__(content)
        self.name = name


class EncodedImage:
    """The content of an image file that is read already; it is read as a path is.

    Args:
        content: bytes, or a file object opened for reading bytes, which is read to its end and not
            closed.

    Raises:
        ImageError: the file object gives text, or cannot be read.
    """

    def __init__(self, content: Any) -> None:
        name = getattr(content, "name", None)
        self.name = os.fsdecode(name) if isinstance(name, str | bytes) else "the file object"
        try:
            data = content if isinstance(content, _BYTES) else content.read()
        except (OSError, ValueError) as error:  # ValueError: it is closed
            raise ImageError(f"{self.name}: cannot be read ({error}).") from error
        if not isinstance(data, _BYTES):
            raise ImageError(f'{self.name}: is opened as text; open it with mode "rb".')
        self._data = bytes(data)

    def read_bytes(self) -> bytes:
        """The content, as `Path.read_bytes`."""
        return self._data

    def __str__(self) -> str:
        return self.name


def is_encoded(source: object) -> bool:
    """Whether this is a file object, or the bytes of a file."""
    return isinstance(source, _BYTES) or callable(getattr(source, "read", None))


def as_common_mode(image: Image.Image) -> Image.Image:
    """A PIL image in a mode that PIL converts to RGB.

    Mode `I` has 32 bits a pixel. Where a file of 16 bits was opened, its values are of 16;
    `convert("I")` leaves those of 8 bits as they are.
    """
    if image.mode == "La":  # premultiplied alpha, which converts to one mode only
        return image.convert("LA")
    if image.mode == "I" and image.format is None:
        values = np.array(image)
        if values.min() >= 0 and values.max() <= _LARGEST_OF_8_BITS:
            small = Image.fromarray(values.astype(np.uint8))
            small.info = image.info  # its orientation
            return small
    return image


def tensor_to_array(tensor: Any) -> np.ndarray:
    """A tensor on any device, [h, w], [C, h, w] or [1, C, h, w], as an array with channels last.

    bfloat16, which NumPy lacks, becomes float32.
    """
    tensor = tensor.detach().cpu()
    if str(tensor.dtype) == "torch.bfloat16":
        tensor = tensor.float()
    array = without_batch(tensor.numpy())
    if array.ndim == 3 and array.shape[0] in (1, 3, 4):
        array = array.transpose(1, 2, 0)
    return array


def without_batch(array: np.ndarray) -> np.ndarray:
    """An array as NumPy can compute with it, and the image itself of a batch of one."""
    if array.dtype.name == "bfloat16":  # of ml_dtypes, as JAX and OpenVINO hand it out
        array = array.astype(np.float32)
    return array[0] if array.ndim == 4 and len(array) == 1 else array
