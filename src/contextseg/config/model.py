"""Options of a network."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from contextseg.config.checks import check, one_of
from contextseg.config.context import MODELS, ContextConfig, EncodingConfig
from contextseg.config.marks import FREE_ON_RESUME, RESOLVED, bounds
from contextseg.config.normalisation import Normalisation, check_std, set_normalisation


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelConfig:
    """A segmentation network: backbone, context module, head."""

    context: ContextConfig = field(default_factory=EncodingConfig)
    """The context module and its options."""
    num_classes: int | None = field(default=None, metadata=RESOLVED | bounds(1, 255))
    """Classes L. None takes as many as the training data has; to build a model it must be set."""
    backbone: str = "resnet50c"
    """Name of a timm model that gives a feature pyramid."""
    pretrained: bool | str = field(default=False, metadata=FREE_ON_RESUME)
    """Weights of the backbone: False draws them, True fetches timm's, a path reads that file."""
    output_stride: int | None = None
    """Image pixels a feature pixel of the last stage: 8, 16 or 32. None takes 8 where the
    backbone can be dilated, else the backbone's own stride."""
    decoder: Literal["dilated", "jpu"] = "dilated"
    """What context is gathered on: c5 of the backbone at its output stride, or the joint pyramid
    upsampling (JPU) of c3, c4 and c5 at the size of c3, with a backbone at stride 32."""
    head_channels: int = field(default=512, metadata=bounds(1, 8192))
    """Channels of the features that context is gathered in and classes are predicted from."""
    aux_channels: int = field(default=256, metadata=bounds(1, 8192))
    """Channels of the auxiliary head on c4."""
    aux_weight: float = field(default=0.4, metadata=bounds(0, 1000))
    """Weight of the auxiliary head's cross-entropy; 0 leaves the head out."""
    dropout: float = field(default=0.1, metadata=bounds(0, 1))
    """Share of features dropped in front of each classifier while training."""
    align_corners: bool = False
    """Convention of every bilinear upsampling: the authors' checkpoints want True."""
    image_scale: float = field(default=1.0, metadata=bounds(1, 8))
    """Factor by which images are enlarged in front of the network outside training, in quarters:
    more is slower and sees smaller things. Train at scales (`augment.scale`) around it."""
    mean: tuple[float, float, float] | None = None
    """Mean of red, green and blue (in 0 to 1) that images are normalised with. None takes what the
    backbone was made for."""
    std: tuple[float, float, float] | None = None
    """Standard deviation of red, green and blue (in 0 to 1) that images are normalised with. None
    takes what the backbone was made for."""

    def __post_init__(self) -> None:
        check(self)
        if self.output_stride is not None:
            one_of("output_stride", self.output_stride, (8, 16, 32))
        if self.decoder == "jpu" and self.output_stride not in (None, 32):
            raise ValueError(
                f"output_stride must be left out or 32 with decoder jpu, which takes the place of "
                f"dilation, got {self.output_stride}."
            )
        if self.image_scale % 0.25:
            raise ValueError(f"image_scale must be in quarters, got {self.image_scale}.")
        check_std(self.std)

    @property
    def name(self) -> str:
        """The model's name in `contextseg.list_models()`."""
        return next(name for name, kind in MODELS.items() if type(self.context) is kind)

    @property
    def normalisation(self) -> Normalisation:
        """Mean and standard deviation.

        Raises:
            ValueError: they are None, which those of a built network never are.
        """
        return set_normalisation(self.mean, self.std)
