"""Which photos should be labelled next? Those that the model is least sure of.

Ranks the photos of a folder by the mean confidence of their pixels, writes the order to
`order.csv`, and for the least certain ones an overlay in which doubtful pixels keep the colours of
the photo. Label the first ones (`contextseg annotate` takes the folder), train again, repeat. If
the photos have labels already, the same order finds wrong ones: a mask that contradicts a model
that is sure is worth a look. The default is the 60 training scenes in samples/.

    python examples/label_first.py
    python examples/label_first.py unlabelled/ --model runs/mine --show 20
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import contextseg

SAMPLES = Path(__file__).resolve().parents[1] / "samples/camvid/images/train"
SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}


def main() -> None:
    """Read the arguments, rank the photos and write the order."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("photos", nargs="?", type=Path, default=SAMPLES, help="folder of photos")
    parser.add_argument("--model", default="street", help="street, animals, or a run folder")
    parser.add_argument("--show", type=int, default=5, help="overlays of the least certain photos")
    parser.add_argument("--doubt", type=float, default=0.6, help="confidence of a doubtful pixel")
    parser.add_argument("--out", type=Path, default=Path("runs/label_first"))
    args = parser.parse_args()

    predictor = contextseg.load(args.model)
    photos = sorted(path for path in args.photos.iterdir() if path.suffix.lower() in SUFFIXES)
    ranked: list[tuple[float, float, Path]] = []
    for path, found in zip(photos, predictor.stream(photos, confidence=True), strict=True):
        assert found.confidence is not None  # asked for above
        doubtful = found.ignore_below(args.doubt).ignored
        ranked.append((float(found.confidence.mean()), doubtful, path))
    ranked.sort()

    args.out.mkdir(parents=True, exist_ok=True)
    with (args.out / "order.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["file", "mean_confidence", "doubtful_share"])
        table.writerows([path.name, f"{sure:.4f}", f"{doubt:.4f}"] for sure, doubt, path in ranked)
    for number, (sure, doubt, path) in enumerate(ranked[: args.show], start=1):
        print(f"{number}. {path.name}: mean confidence {sure:.1%}, {doubt:.1%} of it doubtful")
        overlay = predictor(path, confidence=True).ignore_below(args.doubt)
        overlay.save(args.out / f"{number}_{path.stem}.jpg")
    print(args.out / "order.csv")


if __name__ == "__main__":
    main()
