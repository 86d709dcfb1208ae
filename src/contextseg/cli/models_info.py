"""`contextseg models info`: what a model is made of, and what it costs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from contextseg.cli.model_argument import EXPORTED
from contextseg.cli.parsing import CommandParser, UsageError
from contextseg.config import TrainConfig
from contextseg.config.auto import AUTO
from contextseg.config.classification import ClassifierTrainConfig
from contextseg.recipes import ALL_RECIPES
from contextseg.recipes.catalog import TASKS
from contextseg.system.samples import MODELS, shipped_or_given
from contextseg.system.suggestions import did_you_mean, folders_beside

EXAMPLE = """
contextseg models info encnet_resnet50_camvid
contextseg models info encnet --backbone resnet101c --classes 19 --size 512 1024
contextseg models info runs/mine --json
"""

DESCRIPTION = """\
Show what a model is made of and what it costs: parameters, multiply-accumulates of an image,
stages of the backbone, parts. Nothing is computed, so it takes seconds at any size.
NAME is a recipe, a model (`contextseg models` lists them), a run or model folder, a
model.safetensors file, a model of the repository (street, animals), a YAML file of options, or
hf:owner/name. Weights of a recipe's backbone are not read.
"""
USUAL_CLASSES = {"segmentation": 150, "classification": 10}
"""Classes of a network whose number of classes nothing tells: those of ADE20K and of CIFAR-10."""


def main(argv: Sequence[str]) -> int:
    """Run the command with its arguments; returns the exit code."""
    parser = CommandParser("models info", DESCRIPTION, EXAMPLE)
    parser.add_argument("name", metavar="NAME", help="the model")
    parser.add_argument(
        "--size",
        type=int,
        nargs=2,
        metavar=("ROWS", "COLUMNS"),
        help="of the image whose arithmetic is counted; default: the crop that the recipe trains "
        "with, else 480 480, or the size of a classifier's images",
    )
    parser.add_argument(
        "--classes", type=int, metavar="L", help="number of classes of a recipe or model"
    )
    parser.add_argument(
        "--backbone", metavar="NAME", help="timm model for the backbone of a recipe or model"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args(list(argv))
    changes = {"num_classes": options.classes, "backbone": options.backbone}
    changes = {name: value for name, value in changes.items() if value is not None}
    model, size = _model(options.name, changes)
    info = model.info(tuple(options.size) if options.size else size)
    if options.json:
        from contextseg.system.terminal import json_text

        print(json_text(info.to_dict(), indent=2))
    else:
        print(info)
    return 0


def _model(name: str, changes: dict[str, Any]) -> tuple[Any, tuple[int, int] | None]:
    """The network of a name, and the size that a recipe trains it with."""
    name = str(shipped_or_given(name))
    if Path(name).suffix in EXPORTED:
        raise UsageError(
            f"{name} is an exported file, which holds a graph without parts. Name the folder that "
            f"it was exported from."
        )
    if name.startswith("hf:") or _holds_weights(Path(name)):
        if changes:
            raise UsageError(
                f"{name} has its weights, so --classes and --backbone cannot change it. They are "
                f"for recipes and models."
            )
        return _trained(name), _crop_of(Path(name))
    from contextseg.factory import PAPER_CROP, create_model, overridden, with_prior_grid

    for task, names in TASKS.items():
        if name in names:
            return create_model(name, **{"num_classes": USUAL_CLASSES[task], **changes}), None
    config = _config(name)
    if isinstance(config, TrainConfig):
        options = _options(config.model, "segmentation", changes)
        model = overridden(config.model, "context", options)
        crop = _crop(config)
        return create_model(with_prior_grid(model, crop or PAPER_CROP)), crop
    options = _options(config.model, "classification", changes)
    return create_model(overridden(config.model, "network", options)), None


def _options(config: Any, task: str, changes: dict[str, Any]) -> dict[str, Any]:
    """What to change in the options of a recipe's model: no weights are read."""
    options = {"num_classes": config.num_classes or USUAL_CLASSES[task], **changes}
    if hasattr(getattr(config, "network", config), "pretrained"):
        options["pretrained"] = False
    return options


def _config(name: str) -> TrainConfig | ClassifierTrainConfig:
    from contextseg.recipes.starting_point import UnknownRecipeError, starting_point

    try:
        return starting_point(name).config
    except UnknownRecipeError:
        known = [*MODELS, *ALL_RECIPES, *(model for names in TASKS.values() for model in names)]
        known += folders_beside(Path(name), "model.safetensors")
        advice = did_you_mean(name, known, "contextseg models lists the models.")
        raise UsageError(
            f"{name!r} is not a recipe, a model, a model's folder or file, or a YAML file. {advice}"
        ) from None


def _holds_weights(path: Path) -> bool:
    return (path / "model.safetensors").is_file() or path.suffix == ".safetensors"


def _trained(path: str) -> Any:
    from contextseg.inference.load import load

    return load(path, device="cpu").model


def _crop_of(folder: Path) -> tuple[int, int] | None:
    """Rows and columns of the training crops of the run in a folder; None for other models."""
    config = _config(str(folder)) if (folder / "config.yaml").is_file() else None
    return _crop(config) if isinstance(config, TrainConfig) else None


def _crop(config: TrainConfig) -> tuple[int, int] | None:
    """Rows and columns of a training crop; None if the data are to decide."""
    return None if config.augment.crop == AUTO else config.augment.crop_size
