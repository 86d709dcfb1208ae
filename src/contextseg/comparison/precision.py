"""The number format of each run of a comparison, decided before the first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from contextseg.comparison.results import FILE_NAME, read_comparison
from contextseg.comparison.runs import AnyConfig, run_folder

if TYPE_CHECKING:
    from contextseg.system.precision import Precision


def with_precisions(
    models: Mapping[str, AnyConfig], folder: Path, runs: Path, seeds: Sequence[int] | None
) -> dict[str, AnyConfig]:
    """The configs with `32` or `bf16` instead of `auto`.

    A comparison keeps the formats it was started with, and a finished run is reused whatever its
    format: on another machine, or after an update, nothing is trained again. New runs use the
    format that suits the device.

    Args:
        models: training configs by name.
        folder: the comparison's folder, which may hold results of an earlier call.
        runs: folder of the runs.
        seeds: seeds of each model; None takes the one in its config.

    Raises:
        ValueError: the results in `folder` are broken, or the device does not exist here.
    """
    if not any(config.precision == "auto" for config in models.values()):
        return dict(models)
    begun: dict[str, Precision] = {}
    if (folder / FILE_NAME).is_file():
        entries = read_comparison(folder).entries
        begun = {entry.name: entry.config["precision"] for entry in entries}
    return {
        name: _settled(config, begun.get(name), runs, seeds)
        if config.precision == "auto"
        else config
        for name, config in models.items()
    }


def _settled(
    config: AnyConfig, begun: Precision | None, runs: Path, seeds: Sequence[int] | None
) -> AnyConfig:
    from contextseg.training.precision import with_precision
    from contextseg.training.run_folder import is_finished

    if begun is not None:
        return replace(config, precision=begun)
    here = with_precision(config)
    other = replace(here, precision="32" if here.precision == "bf16" else "bf16")
    for each in (here, other):
        seeded = (replace(each, seed=seed) for seed in seeds or (config.seed,))
        if any(is_finished(run_folder(one, runs)) for one in seeded):
            return each
    return here
