"""Classify photographs of any size and format."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple, overload

import torch
from torch import Tensor

from contextseg.data.classes import Classes
from contextseg.data.classification.loading import center_crop
from contextseg.data.images import ImageSource, read_image
from contextseg.data.loading import to_tensor
from contextseg.data.normalise import normalise, pixel_statistics
from contextseg.data.wording import abbreviated
from contextseg.display.html import short
from contextseg.inference.several import several
from contextseg.models.classifiers import Classifier
from contextseg.models.normalisation import with_normalisation
from contextseg.models.pointwise_convolutions import hasten_pointwise
from contextseg.system.devices import choose_device
from contextseg.system.precision import Requested, resolve_precision
from contextseg.system.threads import limit_threads


class ClassProbability(NamedTuple):
    """A class and its probability."""

    name: str
    """Name of the class."""
    probability: float
    """0 to 1; the probabilities of all classes add up to 1."""


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Classification:
    """Class probabilities of one image."""

    probabilities: Tensor
    """[L], float32, on the CPU."""
    classes: Classes
    """Names of the labels."""

    @property
    def label(self) -> int:
        """The most probable class, 0 to L - 1."""
        return int(self.probabilities.argmax())

    @property
    def name(self) -> str:
        """Name of the most probable class."""
        return self.classes.names[self.label]

    def top(self, count: int = 5) -> list[ClassProbability]:
        """The `count` most probable classes (all of them if there are fewer), best first."""
        values, labels = self.probabilities.topk(min(count, len(self.probabilities)))
        names = self.classes.names
        return [
            ClassProbability(names[label], value)
            for value, label in zip(values.tolist(), labels.tolist(), strict=True)
        ]

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready: the class, and the five most probable classes with their probabilities."""
        top = [{"name": name, "probability": round(p, 6)} for name, p in self.top()]
        return {"class": self.name, "top": top}

    def __repr__(self) -> str:
        top = ", ".join(f"{short(entry.name)} {entry.probability:.0%}" for entry in self.top(3))
        return f"Classification({top})"

    def _repr_html_(self) -> str:
        from contextseg.inference.view import classification_html

        return classification_html(self)


class ClassifierPredictor:
    """A classifier for images of any size and format.

    The network sees the centre crop of an image, at the size it was trained with.

    Args:
        model: the network. It is moved to the device and put in eval mode.
        classes: names of its labels, L of them.
        device: a torch device; `auto` takes a GPU if there is one.
        precision: `bf16` runs the network in bfloat16 autocast; `auto` does so where it is faster
            on the device.

    Raises:
        ValueError: the model does not have as many classes as `classes`, or an option is unknown.
    """

    def __init__(
        self,
        model: Classifier,
        classes: Classes,
        device: str | torch.device = "auto",
        precision: Requested = "32",
    ) -> None:
        if model.num_classes != classes.num_classes:
            raise ValueError(
                f"the model predicts {model.num_classes} classes, but {classes.num_classes} "
                f"names are given ({abbreviated(classes.names)})."
            )
        self.config = with_normalisation(model.config)
        self.classes = classes
        limit_threads()
        self.device = choose_device(device)
        self.precision = resolve_precision(precision, self.device).precision
        self.model = model.to(self.device).eval()
        hasten_pointwise(self.model)
        self._statistics = pixel_statistics(self.config.normalisation, self.device)

    @overload
    def __call__(  # pyright: ignore[reportOverlappingOverload]
        self, source: list[Any] | tuple[Any, ...]
    ) -> list[Classification]: ...
    @overload
    def __call__(self, source: ImageSource) -> Classification: ...
    def __call__(self, source: ImageSource | list[Any] | tuple[Any, ...]) -> Any:
        """Classify an image, or each image of a list, a folder or a pattern.

        Args:
            source: a path, a file object, a PIL image, an array or a tensor, as for
                `data.images.read_image`; or a list or tuple of these; or the path of a folder or a
                pattern such as `photos/*.jpg`, for its images in sorted order.

        Raises:
            ImageError: the image cannot be read; of several, the first that cannot.
        """
        images = several(source)
        if images is not None:
            return [self(each) for each in images]
        pixels = to_tensor(center_crop(read_image(source), self.config.size))
        probabilities = self.logits(pixels[None]).softmax(1)[0]
        return Classification(probabilities=probabilities.cpu(), classes=self.classes)

    @torch.inference_mode()
    def logits(self, images: Tensor) -> Tensor:
        """Class logits [B, L], float32, of images [B, 3, size, size], uint8, on any device."""
        normalised = normalise(images.to(self.device), self._statistics)
        with torch.autocast(
            self.device.type, dtype=torch.bfloat16, enabled=self.precision == "bf16"
        ):
            return self.model(normalised.contiguous(memory_format=torch.channels_last)).float()

    def __repr__(self) -> str:
        return (
            f"ClassifierPredictor({self.config.title}, {self.classes.num_classes} classes, "
            f"{self.device})"
        )
