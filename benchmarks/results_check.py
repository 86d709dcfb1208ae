"""Scores the trained models in `models/` on the images of their cards, against what these say.

    python -m benchmarks.results_check [--data FOLDER]

`street` is scored on the test frames of CamVid, `animals` on the validation photos of
voc_animals; FOLDER holds
the data sets. Exits with 1 if mean IoU or pixel accuracy are off by more than 0.1 points.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from contextseg import evaluate, load
from contextseg.data import open_dataset
from contextseg.evaluation import read_scores
from contextseg.system.progress import shown
from contextseg.system.samples import MODELS, shipped_model

TOLERANCE = 0.1
"""Points of a percent."""
ROOT = Path(__file__).parents[1]
DATA = Path(os.environ.get("CONTEXTSEG_DATA", ROOT.parent / "shared" / "data"))
IMAGES = {"street": ("camvid", "test"), "animals": ("voc_animals", "val")}
"""Data set and split that each model's card gives scores of."""


def main() -> int:
    """Score, compare, print; returns the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=DATA, help="folder of data sets (%(default)s)")
    options = parser.parse_args()
    return max(check(name, options.data) for name in MODELS)


def check(name: str, data: Path) -> int:
    """Score one model and print how far it is from its card; returns the exit code."""
    folder, (dataset, split) = shipped_model(name), IMAGES[name]
    if folder is None:
        print(f"there is no model {name} here: run this in a clone.", file=sys.stderr)
        return 2
    if not (data / dataset).is_dir():
        print(
            f"there is no {dataset} in {data}: name the folder that it is in with --data, or with "
            "the environment variable CONTEXTSEG_DATA.",
            file=sys.stderr,
        )
        return 2
    documented = read_scores(folder / "scores.json")
    with shown(f"checking {name}"):
        scores = evaluate(load(folder), open_dataset(str(data / dataset), split))
    print(f"{folder} on the split {split} of {dataset}, percent (documented)")
    off = 0.0
    for value in ("mean_iou", "pixel_accuracy"):
        found, said = 100 * getattr(scores, value), 100 * getattr(documented, value)
        off = max(off, abs(found - said))
        print(f"  {value.replace('_', ' '):16}{found:6.2f} ({said:.2f})")
    if off > TOLERANCE:
        print(f"off by {off:.2f} points, more than {TOLERANCE}.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
