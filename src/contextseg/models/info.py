"""What a network is made of, and what it costs: parameters, arithmetic, stages, parts."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from torch import nn

from contextseg.config import RGB, ContextPriorConfig
from contextseg.display.numbers import counted, fixed, millions
from contextseg.display.text import table
from contextseg.system.arithmetic import gmac_of_parts, output_shape

USUAL_SIZE = (480, 480)
"""Default rows and columns of an image for segmentation: the papers' crop."""
WORDS = {
    "backbone": "stages c2 to c5",
    "decoder": "stages of one size from c3, c4 and c5",
    "context": "features with context",
    "head": "class logits",
    "aux_head": "class logits from c4, for training only",
    "crf": "class logits that agree between pixels that are close and alike",
}
"""What a part gives, by its attribute."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StageInfo:
    """One stage of a backbone."""

    name: str
    """`c2` to `c5`, or `features` where only the last map is used."""
    channels: int
    stride: int
    """Image pixels per feature pixel."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PartInfo:
    """One part of a network."""

    name: str
    """Its attribute: `backbone`, `decoder`, `context`, `head`, `aux_head`, `crf`."""
    kind: str
    """Its class, or the name of a timm model."""
    parameters: int
    gmac: float | None
    """Billions of multiply-accumulates per image; None for a part that predictions do not need."""
    gives: str
    """What it is for."""


@dataclass(frozen=True, kw_only=True, slots=True, repr=False)
class ModelInfo:
    """What a network is made of, and what a prediction costs; `print` shows it as tables."""

    name: str
    """As `contextseg.create_model` takes it."""
    title: str
    """As its paper spells it."""
    backbone: str | None
    """Name of a timm model; None for networks that have none."""
    num_classes: int
    """Classes L."""
    size: tuple[int, int]
    """Rows and columns of the image that `gmac` is for."""
    parameters: int
    """All parameters."""
    trainable: int
    """Parameters that a training changes."""
    inference_parameters: int
    """Parameters that a prediction needs: without the auxiliary head."""
    gmac: float
    """Billions of multiply-accumulates per image, in convolutions and matrix products."""
    stages: tuple[StageInfo, ...]
    """Feature maps of the backbone, from fine to coarse."""
    parts: tuple[PartInfo, ...]
    """The parts, from the image to the classes."""

    def to_dict(self) -> dict[str, Any]:
        """The same as dictionaries, lists, text and numbers, ready for JSON."""
        content = asdict(self)
        return {key: list(v) if isinstance(v, tuple) else v for key, v in content.items()}

    @property
    def heading(self) -> str:
        """The network in a line."""
        on = f" on {self.backbone}" if self.backbone else ""
        return f"{self.title}{on}, {counted(self.num_classes, 'class')}"

    def stage_rows(self) -> list[list[str]]:
        """Cells of a table of the stages."""
        return [[stage.name, str(stage.channels), str(stage.stride)] for stage in self.stages]

    def part_rows(self) -> list[list[str]]:
        """Cells of a table of the parts."""
        return [
            [
                part.name,
                part.kind,
                millions(part.parameters),
                "" if part.gmac is None else fixed(part.gmac, _places(self.gmac)),
                part.gives,
            ]
            for part in self.parts
        ]

    def __str__(self) -> str:
        rows, columns = self.size
        frozen = self.parameters - self.trainable
        trained = f", {millions(frozen)} of them frozen" if frozen else ""
        return "\n".join(
            [
                self.heading,
                f"{millions(self.parameters)} parameters{trained}; {gmac_text(self.gmac)} GMAC for "
                f"an image of {rows} x {columns} pixels",
                "",
                table(STAGE_COLUMNS, self.stage_rows()),
                "",
                table(PART_COLUMNS, self.part_rows(), words=(1, 4)),
            ]
        )

    __repr__ = __str__

    def _repr_html_(self) -> str:
        from contextseg.display import html

        rows, columns = self.size
        numbers = [
            ("parameters", millions(self.parameters)),
            ("in a prediction", millions(self.inference_parameters)),
            (f"GMAC, {rows} × {columns} pixels", gmac_text(self.gmac)),
        ]
        if self.trainable != self.parameters:
            numbers.insert(1, ("trainable", millions(self.trainable)))
        return html.view(
            self.heading,
            html.figures(numbers),
            html.row(
                [
                    html.table(PART_COLUMNS, self.part_rows(), words=(1, 4)),
                    html.table(STAGE_COLUMNS, self.stage_rows()),
                ]
            ),
        )


STAGE_COLUMNS = ("stage", "channels", "stride")
PART_COLUMNS = ("part", "module", "parameters", "GMAC", "gives")


def model_line(model: Any) -> str:
    """A network in a line: `EncNet(resnet50c, 150 classes, 35.2 M parameters)`."""
    parts = [
        *([name] if (name := backbone_name(model.config)) else []),
        counted(model.num_classes, "class"),
        f"{millions(_parameters(model))} parameters",
    ]
    return f"{model.config.title}({', '.join(parts)})"


def model_info(model: Any, size: tuple[int, int] | None = None) -> ModelInfo:
    """Describe a `SegmentationModel` or a `Classifier`; it is not changed.

    Args:
        model: the network, on any device, in any mode.
        size: rows and columns of the image whose arithmetic is counted. None takes the crop that a
            context prior was made for, 480 x 480 pixels for other segmentation models, and the
            config's `size` for a classifier.

    Raises:
        ValueError: images of this size are too small.
    """
    size = usual_size(model) if size is None else size
    if min(size) < 1:
        raise ValueError(f"info: size must be rows and columns in pixels, got {list(size)}.")
    images = getattr(model.config, "images", RGB)
    gmac = gmac_of_parts(model, size, images.count)
    children = [(name, part) for name, part in model.named_children() if _parameters(part)]
    trainable = sum(p.numel() for p in model.parameters() if p.requires_grad)
    stages, order = _stages(model.backbone, size), [*WORDS]
    return ModelInfo(
        name=model.config.name,
        title=model.config.title,
        backbone=backbone_name(model.config),
        num_classes=model.num_classes,
        size=size,
        parameters=_parameters(model),
        trainable=trainable,
        inference_parameters=sum(_parameters(p) for name, p in children if name != "aux_head"),
        gmac=gmac[""],
        stages=stages,
        parts=tuple(
            PartInfo(
                name=name,
                kind=_kind(name, part, model.config),
                parameters=_parameters(part),
                gmac=None if name == "aux_head" else gmac[name],
                gives=_gives(name, part, stages[-1]),
            )
            for name, part in sorted(children, key=lambda child: order.index(child[0]))
        ),
    )


def usual_size(model: Any) -> tuple[int, int]:
    """Rows and columns of the images that a network is meant for."""
    if hasattr(model.config, "network"):
        return model.config.size, model.config.size
    context = model.config.context
    if isinstance(context, ContextPriorConfig) and context.prior_grid is not None:
        stride = model.backbone.strides[1 if model.decoder is not None else -1]
        return context.prior_grid[0] * stride, context.prior_grid[1] * stride
    return USUAL_SIZE


def backbone_name(config: Any) -> str | None:
    """The timm model in a network; None for networks that have none."""
    return getattr(getattr(config, "network", config), "backbone", None)


def gmac_text(value: float) -> str:
    """GMAC with about three digits."""
    return fixed(value, _places(value))


def _places(value: float) -> int:
    return 1 if value >= 100 else 2 if value >= 1 else 4


def _kind(name: str, part: nn.Module, config: Any) -> str:
    if name == "backbone":
        return backbone_name(config) or type(part).__name__
    return "classifier" if isinstance(part, nn.Sequential) else type(part).__name__


def _gives(name: str, part: nn.Module, last: StageInfo) -> str:
    if name == "backbone" and not hasattr(part, "strides"):  # of a classifier
        return f"the last map, {last.channels} channels"
    channels = getattr(part, "out_channels", None)
    return f"{WORDS[name]}, {channels} channels" if channels else WORDS[name]


def _stages(backbone: Any, size: tuple[int, int]) -> tuple[StageInfo, ...]:
    """The stages of a `Backbone`; of other networks, the map that they end in."""
    stages = getattr(backbone, "stages", backbone)  # a classifier has it inside `LastStage`
    if hasattr(stages, "strides"):
        channels = stages.channels._asdict().items()
        return tuple(
            StageInfo(name=name, channels=count, stride=stride)
            for (name, count), stride in zip(channels, stages.strides, strict=True)
        )
    _, channels, rows, _ = output_shape(backbone, size)
    return (StageInfo(name="features", channels=channels, stride=round(size[0] / rows)),)


def _parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())
