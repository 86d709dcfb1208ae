"""Scores the trained model in `models/` on CamVid's test frames, against what its card says.

    python -m benchmarks.results_check [--data CAMVID]

Exits with 1 if mean IoU or pixel accuracy are off by more than 0.1 points.
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
from contextseg.system.samples import shipped_model

TOLERANCE = 0.1
"""Points of a percent."""
ROOT = Path(__file__).parents[1]
DATA = Path(os.environ.get("CONTEXTSEG_DATA", ROOT.parent / "shared" / "data")) / "camvid"


def main() -> int:
    """Score, compare, print; returns the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=DATA, help="folder of CamVid (%(default)s)")
    options = parser.parse_args()
    folder = shipped_model()
    if folder is None:
        print("there is no trained model here: run this in a clone.", file=sys.stderr)
        return 2
    if not options.data.is_dir():
        print(
            f"there is no CamVid at {options.data}: name its folder with --data, or the folder "
            "that it is in with the environment variable CONTEXTSEG_DATA.",
            file=sys.stderr,
        )
        return 2
    documented = read_scores(folder / "scores.json")
    with shown("checking results"):
        scores = evaluate(load(folder), open_dataset(str(options.data), "test"))
    print(f"{folder} on the test frames of CamVid, percent (documented)")
    off = 0.0
    for name in ("mean_iou", "pixel_accuracy"):
        found, said = 100 * getattr(scores, name), 100 * getattr(documented, name)
        off = max(off, abs(found - said))
        print(f"  {name.replace('_', ' '):16}{found:6.2f} ({said:.2f})")
    if off > TOLERANCE:
        print(f"off by {off:.2f} points, more than {TOLERANCE}.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
