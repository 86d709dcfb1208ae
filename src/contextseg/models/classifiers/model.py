"""A classifier: backbone and head."""

from __future__ import annotations

from torch import Tensor, nn

from contextseg.config.classification import ClassifierConfig
from contextseg.models.info import ModelInfo, model_info, model_line


class Classifier(nn.Module):
    """Image in, class logits out.

    Shape:
        images:  [B, 3, height, width], normalised with `config.mean` and `config.std`.
        returns: logits [B, L].

    Build one with `contextseg.create_model`.
    """

    def __init__(self, config: ClassifierConfig, backbone: nn.Module, head: nn.Module) -> None:
        super().__init__()
        self.config = config
        self.backbone = backbone
        self.head = head

    @property
    def num_classes(self) -> int:
        """Classes L."""
        assert self.config.num_classes is not None  # create_model asks for it
        return self.config.num_classes

    def info(self, size: tuple[int, int] | None = None) -> ModelInfo:
        """Parameters, arithmetic, stages and parts; see `models.info.model_info`."""
        return model_info(self, size)

    def __repr__(self) -> str:
        return model_line(self)

    def __str__(self) -> str:
        """Every layer, as PyTorch shows a network: `print(model)`."""
        return super().__repr__()

    def forward(self, images: Tensor) -> Tensor:
        """Class logits of a batch."""
        if images.ndim != 4 or images.shape[1] != 3 or not images.is_floating_point():
            raise ValueError(
                f"classifier: images must be [B, 3, height, width], normalised floating point, got "
                f"{list(images.shape)}, {images.dtype}."
            )
        return self.head(self.backbone(images))
