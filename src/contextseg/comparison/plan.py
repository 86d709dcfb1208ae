"""What a comparison has to do, and what an earlier call has already done."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from contextseg.comparison.kinds import KINDS, kind_name
from contextseg.comparison.results import (
    FILE_NAME,
    Comparison,
    Entry,
    Run,
    check_mean_over,
    read_comparison,
)
from contextseg.comparison.runs import AnyConfig, identity, normalised
from contextseg.config import ImagesConfig, TrainConfig
from contextseg.config.classification import ClassifierTrainConfig
from contextseg.config.io import from_dict, to_dict
from contextseg.report.published import published_in_papers, published_on
from contextseg.system.environment import machine

logger = logging.getLogger(__name__)

SCORING = ("data", "split", "images", "small")
"""Settings that scores depend on."""
MEASURING = ("size", "machine")
"""Settings that costs depend on."""


def named(configs: Mapping[str, AnyConfig] | Sequence[AnyConfig]) -> dict[str, AnyConfig]:
    """The configs by their names in the report.

    Raises:
        ValueError: there are none, or two share a name.
    """
    if isinstance(configs, Mapping):
        models = dict(configs)
    else:
        models = {Path(config.out).name: config for config in configs}
        if len(models) < len(configs):
            names = [Path(config.out).name for config in configs]
            twice = sorted({name for name in names if names.count(name) > 1})
            raise ValueError(
                f"compare: several models are called {', '.join(twice)}. Give them names: "
                f"compare({{name: config, ...}})."
            )
    if not models:
        raise ValueError("compare: there is nothing to compare; give at least one model.")
    return models


def open_data(models: Mapping[str, AnyConfig], split: str | None) -> Any:
    """The images to score on.

    Raises:
        ValueError: the models use different data or different images, or there are none.
    """
    roots = {config.data.root: name for name, config in models.items()}
    if len(roots) > 1:
        each = ", ".join(f"{name}: {root or 'none'}" for root, name in roots.items())
        raise ValueError(
            f"compare: the models have different data ({each}). Use the same data for all "
            f"(--data, or data.root)."
        )
    kinds = {images: name for name, config in models.items() if (images := _images(config))}
    if len(kinds) > 1:
        each = "; ".join(f"{name}: {images}" for images, name in kinds.items())
        raise ValueError(
            f"compare: the models take different images ({each}), and are scored on the same ones. "
            f"Give all the same channels and values (data.channels, data.value_range)."
        )
    config = next(iter(models.values()))
    if not config.data.root:
        raise ValueError(
            "compare: no data: name the folder of a data set (--data PATH, or data.root), or use "
            "`shapes` for synthetic scenes."
        )
    split = split or config.data.val_split
    if not split:
        raise ValueError("compare: there is no validation split; name the split to score on.")
    data = KINDS[kind_name(models.values())].open(config, split)
    if len(data) == 0:
        raise ValueError(f"compare: the split {split} of {config.data.root} is empty.")
    return data


def _images(config: AnyConfig) -> ImagesConfig | None:
    """What the images of a run for segmentation are."""
    return replace(config.model.images, display=None) if isinstance(config, TrainConfig) else None


def settings_of(
    models: Mapping[str, AnyConfig],
    data: Any,
    *,
    small: Sequence[int],
    size: tuple[int, int] | None,
    limit: int | None,
    title: str,
    mean_over: Sequence[str] = (),
    papers: bool = False,
) -> dict[str, Any]:
    """What is scored and measured, and how; with `papers`, what they report on other data too.

    Raises:
        ValueError: an option is out of range.
    """
    from contextseg.metrics.small_objects import SmallObjectIoU

    task, config = kind_name(models.values()), next(iter(models.values()))
    if task == "segmentation":
        SmallObjectIoU(1, small)  # raises unless bounds are in ascending order
        check_mean_over(mean_over, data.classes.names)
    elif mean_over:
        raise ValueError("compare: mean_over is a mean of IoUs; classifiers have none.")
    if limit is not None and limit < 1:
        raise ValueError(f"compare: limit must be at least 1, got {limit}.")
    size = size or KINDS[task].size(config, data)
    if task == "segmentation" and min(size) < 32:
        raise ValueError(f"compare: size must be at least 32 rows and columns, got {list(size)}.")
    here = published_on(data.classes.dataset, data.classes.num_classes)
    systems = {model.model.title for model in models.values()} if papers else set()
    elsewhere = [row for row in published_in_papers(systems) if row not in here]
    return {
        "title": title,
        "task": task,
        "data": config.data.root,
        "dataset": data.classes.dataset,
        "split": data.split,
        "images": min(len(data), limit or len(data)),
        "small": list(small) if task == "segmentation" else [],
        "mean_over": list(mean_over),
        "size": list(size),
        "machine": machine(config.device),
        "published": [asdict(row) for row in here],
        "published_elsewhere": [asdict(row) for row in elsewhere],
    }


def planned(
    models: Mapping[str, AnyConfig],
    seeds: Sequence[int] | None,
    settings: dict[str, Any],
    classes: Sequence[str],
    folder: Path,
) -> Comparison:
    """The planned comparison, with the results that an earlier call left in `folder`.

    Raises:
        FileExistsError: the folder holds a comparison of other models.
        ValueError: a seed is repeated.
    """
    if seeds is not None and (not seeds or len(set(seeds)) < len(seeds)):
        raise ValueError(f"compare: seeds must be different numbers, got {list(seeds)}.")
    entries = [
        Entry(
            name=name,
            config=_recorded(config),
            runs=[
                Run(seed=seed, identity=identity(replace(config, seed=seed)))
                for seed in ([config.seed] if seeds is None else seeds)
            ],
        )
        for name, config in models.items()
    ]
    new = Comparison(
        settings=settings, classes=list(classes), pixels=[0] * len(classes), entries=entries
    )
    if not (folder / FILE_NAME).is_file():
        return new
    old = read_comparison(folder)
    others = [entry.name for entry in old.entries if entry.name not in models]
    if others:
        raise FileExistsError(
            f"{folder} holds a comparison that also includes {', '.join(others)}. Compare them "
            f"too, or choose another folder (out, -o)."
        )
    return _with_earlier_results(new, old)


def _with_earlier_results(new: Comparison, old: Comparison) -> Comparison:
    """`new` with the scores and costs of `old` that are still valid."""

    def same(names: Sequence[str]) -> bool:
        return all(new.settings[name] == old.settings.get(name) for name in names)

    scored = {
        _identity(entry, run): run
        for entry in old.entries
        for run in entry.runs
        if run.status == "done" and same(SCORING) and new.classes == old.classes
    }
    measured = {_key(entry): entry.cost for entry in old.entries if same(MEASURING)}
    if scored:
        logger.info("%d runs are already done and scored.", len(scored))
    entries = [
        replace(
            entry,
            runs=[
                replace(scored[run.identity], identity=run.identity)
                if run.identity in scored
                else run
                for run in entry.runs
            ],
            cost=measured.get(_key(entry)),
        )
        for entry in new.entries
    ]
    return replace(new, entries=entries, pixels=old.pixels if scored else new.pixels)


def _identity(entry: Entry, run: Run) -> str:
    """The identity of a run of an earlier comparison, recomputed with the current options."""
    kind = TrainConfig if "context" in entry.config["model"] else ClassifierTrainConfig
    try:
        return identity(replace(from_dict(kind, entry.config), seed=run.seed))
    except ValueError:  # options from another version
        return run.identity


def _key(entry: Entry) -> str:
    """What the cost of a model depends on."""
    return repr((entry.config["model"], entry.config["precision"], entry.config["device"]))


def _recorded(config: AnyConfig) -> dict[str, Any]:
    """Every option but the seed and the folder, which belong to the runs."""
    values = to_dict(normalised(config))
    del values["seed"], values["out"]
    return values
