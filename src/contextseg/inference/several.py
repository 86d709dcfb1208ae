"""Whether the source of a prediction is several images: a list, a folder, or a pattern."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from contextseg.data.images import ImageError
from contextseg.inference.inputs import find_images
from contextseg.inference.video.source import is_video


def several(source: Any) -> Sequence[Any] | None:
    """The images that a list, a tuple, a folder or a pattern stands for; None for one image.

    A folder stands for the images in it and in its sub-folders, a pattern (`photos/*.jpg`, `**`
    for any sub-folders) for those that match, sorted. A file is an image, whatever its name.

    Raises:
        ImageError: the folder has no images, a pattern matches none, or one of the files found
            cannot be opened.
    """
    if isinstance(source, list | tuple):
        return source
    if not isinstance(source, str | os.PathLike):
        return None
    path = os.fspath(source)
    if not isinstance(path, str):
        return None
    if is_video(path):
        raise ImageError(
            f"{path} is a video. Take its frames one after the other: predictor.video({path!r})."
        )
    if os.path.isfile(path):
        return None
    if not (os.path.isdir(path) or (glob.has_magic(path) and "://" not in path)):
        return None  # `read_image` says what is wrong with it
    try:
        found = find_images([path])
    except ValueError as error:
        raise ImageError(str(error)) from None
    if found.failed:
        raise ImageError("{}: {}.".format(*found.failed[0]))
    return [image.path for image in found.images]


def as_images(source: Any) -> Iterable[Any]:
    """The images of any source: several, or the one."""
    images = several(source)
    if images is not None:
        return images
    is_one = isinstance(source, str | bytes | os.PathLike | Path) or hasattr(source, "shape")
    is_one = is_one or hasattr(source, "read") or hasattr(source, "convert")
    return [source] if is_one or not isinstance(source, Iterable) else source
