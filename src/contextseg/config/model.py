"""Options of a network."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from contextseg.config.changed_options import changed_options
from contextseg.config.checks import check, one_of
from contextseg.config.context import (
    MODELS,
    TITLES,
    ContextConfig,
    DeconvNetConfig,
    EncodingConfig,
    RefineNetConfig,
)
from contextseg.config.crf import CRFConfig
from contextseg.config.images import ImagesConfig
from contextseg.config.marks import FREE_ON_RESUME, RESOLVED, WITHOUT_EFFECT, bounds
from contextseg.config.normalisation import (
    Chosen,
    Normalisation,
    check_normalisation,
    set_normalisation,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelConfig:
    """A segmentation network: backbone, context module, head."""

    __repr__ = changed_options

    context: ContextConfig = field(default_factory=EncodingConfig)
    """The context module and its options."""
    num_classes: int | None = field(default=None, metadata=RESOLVED | bounds(1, 255))
    """Number of classes L. None takes it from the training data; building a model needs it."""
    backbone: str = "resnet50c"
    """Name of a timm model: one with a feature pyramid, or a plain vision transformer."""
    pretrained: bool | str = field(default=False, metadata=FREE_ON_RESUME)
    """Initial weights of the backbone: False for random ones, True to fetch timm's, or a path to
    read them from."""
    output_stride: int | None = None
    """Image pixels per feature pixel of the last stage: 8, 16 or 32. None takes 8 if the backbone
    can be dilated, else the backbone's own stride, which of a plain transformer is its patch."""
    pyramid: Literal["last", "layers"] = "last"
    """Layers of a plain vision transformer that its stages are made from: the last, or four, one
    for each stage. It has no effect on other backbones."""
    drop_path: float = field(default=0.0, metadata=bounds(0, 1))
    """Largest probability of dropping a residual branch of the backbone in training."""
    decoder: Literal["dilated", "jpu"] = "dilated"
    """Features that context is gathered from: `dilated` takes c5 at the output stride, `jpu` joint
    pyramid upsampling of c3, c4 and c5 at the size of c3, with a backbone at stride 32."""
    head_channels: int = field(default=512, metadata=bounds(1, 8192))
    """Channels of the features from which context is gathered and classes are predicted."""
    aux_channels: int = field(default=256, metadata=bounds(1, 8192))
    """Channels of the auxiliary head on c4."""
    aux_weight: float = field(default=0.4, metadata=bounds(0, 1000))
    """Weight of the auxiliary head's cross-entropy; 0 removes the head."""
    dropout: float = field(default=0.1, metadata=bounds(0, 1))
    """Share of features dropped before each classifier during training."""
    align_corners: bool = False
    """Convention of all bilinear upsampling; the authors' checkpoints need True."""
    crf: CRFConfig = field(default_factory=CRFConfig)
    """A fully connected CRF behind the head, with `train_iterations` above 0."""
    image_scale: float = field(default=1.0, metadata=bounds(1, 8))
    """Factor by which images are enlarged before the network outside training, a multiple of 0.25:
    a larger one is slower and resolves smaller objects. Train at scales (`augment.scale`) near it.
    """
    temperature: float = field(default=1.0, metadata=WITHOUT_EFFECT | bounds(0.01, 100))
    """What logits are divided by before probabilities and confidences are made of them; labels do
    not depend on it. `contextseg calibrate` finds it for a trained model; training does not use it.
    """
    images: ImagesConfig = field(default_factory=ImagesConfig)
    """The images that the network takes."""
    mean: Chosen = None
    """Mean of red, green and blue (0 to 1) for normalising images, or of each channel. None takes
    the backbone's for photos, and `auto` for others: computed from the training images."""
    std: Chosen = None
    """Standard deviation of red, green and blue (0 to 1) for normalising images, or of each
    channel. None and `auto` as for `mean`."""

    def __post_init__(self) -> None:
        check(self)
        if self.output_stride is not None:
            one_of("output_stride", self.output_stride, (8, 16, 32))
        if self.decoder == "jpu" and self.output_stride not in (None, 32):
            raise ValueError(
                f"output_stride must be None or 32 with decoder jpu, which replaces dilation, got "
                f"{self.output_stride}."
            )
        if self.decoder == "jpu" and isinstance(self.context, (RefineNetConfig, DeconvNetConfig)):
            raise ValueError(
                f"decoder must be dilated with {self.name}, which is a decoder itself and goes "
                f"from c5 to c2."
            )
        if self.image_scale % 0.25:
            raise ValueError(f"image_scale must be a multiple of 0.25, got {self.image_scale}.")
        check_normalisation(self.mean, self.std)

    @property
    def name(self) -> str:
        """The model's name in `contextseg.list_models()`."""
        return next(name for name, kind in MODELS.items() if type(self.context) is kind)

    @property
    def title(self) -> str:
        """The name as its paper spells it, such as `EncNet`."""
        return TITLES[self.name]

    @property
    def normalisation(self) -> Normalisation:
        """Mean and standard deviation.

        Raises:
            ValueError: they are None or `auto`; those of a built network never are.
        """
        return set_normalisation(self.mean, self.std)
