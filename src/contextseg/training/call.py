"""`contextseg.train`: a training in one call, from a recipe's name and options by keyword."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, overload

from contextseg.config import DataConfig, ModelConfig, OptimConfig, TrainConfig
from contextseg.config.classification import ClassifierTrainConfig
from contextseg.config.naming import with_options
from contextseg.metrics import Scores
from contextseg.metrics.classification import ClassificationScores
from contextseg.recipes.starting_point import Start, starting_point
from contextseg.training import train as engine
from contextseg.training.callbacks.monitor import Progress
from contextseg.training.new_folder import folder_for
from contextseg.training.run import Run, run_of

if TYPE_CHECKING:
    import lightning.pytorch as pl

PathLike = str | os.PathLike[str]


@overload
def train(
    recipe: ClassifierTrainConfig,
    *,
    resume: bool = False,
    progress: bool = True,
    watch: Callable[[Progress], None] | None = None,
    callbacks: Sequence[pl.Callback] = (),
    **options: Any,
) -> Run[ClassificationScores]: ...
@overload
def train(
    recipe: PathLike | TrainConfig,
    *,
    data: PathLike | Mapping[str, Any] | DataConfig = ...,
    out: PathLike = ...,
    epochs: int | Literal["auto"] = ...,
    batch: int | Literal["auto"] = ...,
    crop: int | tuple[int, int] | Literal["auto"] = ...,
    lr: float | Literal["auto"] = ...,
    model: str | Mapping[str, Any] | ModelConfig = ...,
    backbone: str = ...,
    pretrained: bool | PathLike = ...,
    init_from: PathLike = ...,
    optim: Mapping[str, Any] | OptimConfig = ...,
    seed: int = ...,
    device: str = ...,
    workers: int | Literal["auto"] = ...,
    val_split: str = ...,
    resume: bool = False,
    progress: bool = True,
    watch: Callable[[Progress], None] | None = None,
    callbacks: Sequence[pl.Callback] = (),
    **options: Any,
) -> Run[Scores]: ...
def train(
    recipe: PathLike | TrainConfig | ClassifierTrainConfig,
    *,
    resume: bool = False,
    progress: bool = True,
    watch: Callable[[Progress], None] | None = None,
    callbacks: Sequence[pl.Callback] = (),
    **options: Any,
) -> Run[Any]:
    """Train a model, for segmentation or (by a recipe of a classifier) for classification.

    The order of images, augmentation and dropout depend on (seed, epoch, image) alone, so a run
    that was killed and resumed ends with the same weights as an uninterrupted one: to the last
    bit on the CPU of one machine, up to the order of atomic additions on a GPU.

    Args:
        recipe: name of a recipe (`contextseg recipes` lists them), a YAML file of options, a run
            folder, or a config. If `model.num_classes` is None, the data determines it.
        resume: resume from the last checkpoint in the run folder.
        progress: show a progress bar on standard error.
        watch: called with a `Progress` after each batch and at each validation.
        callbacks: of Lightning's own type, `lightning.pytorch.Callback`; see
            `training.train.train`.
        **options: any option over those of the recipe, by its short name (`lr`), by its full name
            with two underscores for each dot (`optim__lr`), or in a dictionary or config of its
            part (`optim={"lr": 0.01}`). The usual ones:

            - `data`: folder of the data set, or `shapes` for synthetic scenes;
            - `out`: run folder. Without it, the first free one of `runs/RECIPE`,
              `runs/RECIPE_2`, ... (to resume, the last one that holds a run);
            - `epochs`, `batch`, `crop` (rows and columns, or one number for a square), `lr`:
              numbers, or `auto`;
            - `model` (`"cpnet"`), `backbone`, `pretrained` (whether to fetch timm's weights, or a
              file), `init_from` (a run or model to fine-tune);
            - `seed`, `device`, `workers`, `val_split` (`"none"` to train without validation).

    Returns:
        The run: its folder, scores, curves and model. If Ctrl-C or SIGTERM stopped it,
        `run.interrupted` says so, and `run.resume()` does the rest.

    Raises:
        FileExistsError: the run folder holds a run already, and `resume` is not set.
        FileNotFoundError: there is nothing to resume, or no data.
        FolderInUseError: another training runs in the folder.
        ValueError: a recipe or option is unknown, with the nearest names; the data has faults, or
            options do not fit it or each other; or, on resume, the checkpoint is damaged, or
            options differ from those of the run.
        NonFiniteLossError: training diverged; the last good checkpoint is kept.
        MachineError: the machine ran out of memory or the like; the last checkpoint is kept, and
            the message says what to do.

    Example:
        >>> import contextseg
        >>> run = contextseg.train("encnet_shapes", epochs=2)  # doctest: +SKIP
        >>> run.scores.mean_iou  # doctest: +SKIP
    """
    if isinstance(recipe, TrainConfig | ClassifierTrainConfig):
        start = Start(recipe, numbered=False)
    else:
        start = starting_point(recipe)
    config = with_options(start.config, options)
    if not config.data.root:
        raise ValueError(
            'no data: name the folder of a data set, train(..., data="my_images"), or try '
            'data="shapes" (synthetic scenes).'
        )
    numbered = start.numbered and "out" not in options
    with folder_for(config.out, numbered=numbered, resume=resume) as out:
        config = replace(config, out=out)
        result = engine.train(
            config,  # pyright: ignore[reportArgumentType]
            resume=resume,
            progress=progress,
            watch=watch,
            callbacks=callbacks,
        )
        return run_of(result)  # pyright: ignore[reportArgumentType]
