"""How a stored config of mmsegmentation prepares images: mean, deviation, order of the colours.

Values there are on the scale 0 to 255 and in the order in which the network sees the colours.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from contextseg.config import IMAGENET_MEAN, IMAGENET_STD
from contextseg.config.normalisation import Triple
from contextseg.interop.formats.layout import ForeignCheckpointError, Settings


@dataclass(frozen=True, kw_only=True, slots=True)
class Images:
    """What the network takes."""

    mean: Triple = IMAGENET_MEAN
    """Of red, green and blue, 0 to 1."""
    std: Triple = IMAGENET_STD
    """Of red, green and blue, 0 to 1."""
    bgr: bool = False
    """Whether the network's first convolution sees blue, green and red in this order."""
    stated: bool = False
    """Whether a config says so; else they are what mmsegmentation's own configs have."""


def images_of(settings: Settings) -> Images:
    """The images that a config prepares: 1.x in its preprocessor, 0.x in its test pipeline.

    Raises:
        ForeignCheckpointError: the config prepares them in a way that cannot be told from it.
    """
    model = settings.get("model")
    places = [model, settings] if isinstance(model, Mapping) else [settings]
    preprocessors = [part["data_preprocessor"] for part in places if "data_preprocessor" in part]
    pipeline = _test_pipeline(settings)
    steps = list(_normalisations(pipeline))
    if preprocessors:
        readable = [part for part in preprocessors if isinstance(part, Mapping)]
        if not readable:
            raise _refused("a preprocessor that is not plain data")
        return _by_preprocessor(readable[0], steps)
    if len(steps) > 1 and any(step != steps[0] for step in steps):
        raise _refused("images that are normalised twice")
    if steps:
        return _images(steps[0], rgb=bool(steps[0].get("to_rgb", True)))
    if pipeline is not None:
        raise _refused("images that its test pipeline does not normalise")
    if "img_norm_cfg" in settings:
        values = settings["img_norm_cfg"]
        values = values if isinstance(values, Mapping) else {}
        return _images(values, rgb=bool(values.get("to_rgb", True)))
    return Images()


def _by_preprocessor(preprocessor: Mapping[str, Any], steps: Sequence[Any]) -> Images:
    """Images of 1.x: files are read in the order BGR; either option exchanges blue and red."""
    if steps:
        raise _refused("images that its test pipeline normalises before its preprocessor")
    rgb = bool(preprocessor.get("bgr_to_rgb") or preprocessor.get("rgb_to_bgr"))
    if "mean" not in preprocessor and "std" not in preprocessor:  # images of 0 to 255 as they are
        preprocessor = {"mean": [0.0] * 3, "std": [1.0] * 3}
    return _images(preprocessor, rgb=rgb)


def _images(values: Mapping[str, Any], *, rgb: bool) -> Images:
    mean, std = (_triple(values.get(name), name) for name in ("mean", "std"))
    if min(std) <= 0:
        raise _refused(f"a standard deviation of {list(std)}")
    if not rgb:
        mean, std = ((red, green, blue) for blue, green, red in (mean, std))
    return Images(mean=mean, std=std, bgr=not rgb, stated=True)


def _triple(values: object, name: str) -> Triple:
    """Three numbers of a config, divided by 255."""
    numbers = values if isinstance(values, Sequence) and not isinstance(values, str) else ()
    if len(numbers) != 3 or not all(
        isinstance(value, int | float) and abs(value) <= sys.float_info.max for value in numbers
    ):
        raise ForeignCheckpointError(
            f"convert: the config stored in the checkpoint normalises images with a {name} that "
            f"cannot be read as three numbers, but as {values!r}. Store numbers in it "
            f"({name}=[r, g, b], 0 to 255)."
        )
    first, second, third = (round(float(value) / 255, 9) for value in numbers)
    return first, second, third


def _test_pipeline(settings: Settings) -> Any:
    """The steps that prepare an image for a test; None where a config lists none."""
    for path in (
        ("test_dataloader", "dataset", "pipeline"),
        ("data", "test", "pipeline"),
        ("test_pipeline",),
    ):
        part: Any = settings
        for name in path:
            part = part.get(name) if isinstance(part, Mapping) else None
        if part is not None:
            return part
    return None


def _normalisations(steps: Any) -> Iterator[Mapping[str, Any]]:
    """The steps that normalise, however deep they are nested."""
    if isinstance(steps, Mapping):
        if steps.get("type") == "Normalize":
            yield steps
        steps = list(steps.values())
    if isinstance(steps, list | tuple):
        for step in steps:
            yield from _normalisations(step)


def _refused(what: str) -> ForeignCheckpointError:
    return ForeignCheckpointError(
        f"convert: the config stored in the checkpoint asks for {what}. Images that are normalised "
        f"once, with a mean and a standard deviation for each colour, are converted."
    )
