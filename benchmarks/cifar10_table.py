"""The table of `docs/results/cifar10.md` from the folders of finished runs.

    python -m benchmarks.cifar10_table RUN... [--into docs/results/cifar10]

Prints error by epoch, parameters and training time of each run; with --into, copies its log, scores
and options there, the options without paths of this machine.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from contextseg.config.classification import ClassifierTrainConfig
from contextseg.config.io import read_yaml, write_yaml
from contextseg.factory import create_model
from contextseg.system.atomic_files import write_text
from contextseg.training.run_folder import read_log


def main() -> None:
    """Print the table, and copy the logs if asked to."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("runs", type=Path, nargs="+", metavar="RUN")
    parser.add_argument("--into", type=Path, metavar="DIR", help="folder to copy the logs to")
    options = parser.parse_args()
    configs = [read_yaml(run / "config.yaml", ClassifierTrainConfig) for run in options.runs]
    epochs = max(config.epochs for config in configs)
    heads = ["network", "parameters", *(f"epoch {n}" for n in range(1, epochs + 1)),
             "error", "of original pixels", "seed", "minutes"]  # fmt: skip
    print("| " + " | ".join(heads) + " |\n|" + "---|" * len(heads))
    for run, config in zip(options.runs, configs, strict=True):
        print("| " + " | ".join(row(run, config, epochs)) + " |")
        if options.into is not None:
            copy(run, config, options.into)


def row(run: Path, config: ClassifierTrainConfig, epochs: int) -> list[str]:
    """A run in cells, errors in percent."""
    log = read_log(run / "metrics.csv")
    errors = {round(line["epoch"]): line["val/error"] for line in log if "val/error" in line}
    by_epoch = [f"{100 * errors[n]:.2f}" if n in errors else "–" for n in range(1, epochs + 1)]
    scores: dict[str, Any] = json.loads((run / "scores.json").read_text(encoding="utf-8"))
    model = create_model(config.model)
    parameters = sum(parameter.numel() for parameter in model.parameters())
    exact = scores["error_exact"]
    return [
        f"{config.model.name}, width {getattr(config.model.network, 'width', '–')}",
        f"{parameters:,}",
        *by_epoch,
        f"**{100 * scores['error']:.2f}**",
        "–" if exact is None else f"{100 * exact:.2f}",
        str(config.seed),
        f"{minutes(log, config):.0f}",
    ]


def minutes(log: list[dict[str, Any]], config: ClassifierTrainConfig) -> float:
    """Time of the training steps, from the speeds in the log."""
    seconds, last = 0.0, 0
    for line in log:
        if "train/images_per_s" in line:
            seconds += (line["step"] - last) * config.batch_size / line["train/images_per_s"]
            last = line["step"]
    return seconds / 60


def copy(run: Path, config: ClassifierTrainConfig, folder: Path) -> None:
    """Log, scores and options of a run, named by its network."""
    name = config.model.name
    for source, suffix in (("metrics.csv", ".csv"), ("scores.json", ".json")):
        write_text(folder / f"{name}{suffix}", (run / source).read_text(encoding="utf-8"))
    bare = replace(config, data=replace(config.data, root="cifar10"), out=f"runs/{name}")
    write_yaml(folder / f"{name}.yaml", bare)


if __name__ == "__main__":
    main()
