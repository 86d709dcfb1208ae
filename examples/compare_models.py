"""Is the second model better than the first, or was it luck with the images?

Both models predict the same labelled images. The difference of their mean IoUs comes with a 95 %
interval (paired bootstrap over the images): if zero is inside, other images could turn the order
round. Name two models, or one, which is then compared with itself plus a CRF that makes pixels of
similar colour agree. The default data are the 16 validation scenes in samples/: enough to see how
it works, too few for small differences.

    python examples/compare_models.py
    python examples/compare_models.py runs/fcn runs/encnet --data my_images --split test
"""

from __future__ import annotations

import argparse
from pathlib import Path

import contextseg
from contextseg.config import CRFConfig
from contextseg.metrics import ImageCounts, Scores, paired_difference

SAMPLES = Path(__file__).resolve().parents[1] / "samples/camvid"


def scored(predictor: contextseg.Predictor, data: str, split: str) -> tuple[Scores, ImageCounts]:
    """Scores over all images, and the counts of each image, which the bootstrap draws."""
    counts = ImageCounts(predictor.classes.num_classes)
    scores = contextseg.evaluate(predictor, data, split=split, on_prediction=counts.update)
    return scores, counts


def main() -> None:
    """Read the arguments, score both models and print the difference."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("first", nargs="?", default="street", help="a model")
    parser.add_argument("second", nargs="?", help="another one; without: the first with a CRF")
    parser.add_argument("--data", default=str(SAMPLES), help="folder of labelled images")
    parser.add_argument("--split", default="val")
    args = parser.parse_args()

    first, second = contextseg.load(args.first), contextseg.load(args.second or args.first)
    if args.second is None:
        second.crf = CRFConfig(stride=4)
    a, a_counts = scored(first, args.data, args.split)
    b, b_counts = scored(second, args.data, args.split)

    print(f"{'IoU, %':<16}{'first':>8}{'second':>8}{'change':>8}")
    for name, before, after in zip(first.classes.names, a.iou, b.iou, strict=True):
        print(f"{name:<16}{before:8.1%}{after:8.1%}{after - before:+8.1%}")
    change = paired_difference([a_counts.array()], [b_counts.array()])
    print(f"{'mean':<16}{a.mean_iou:8.1%}{b.mean_iou:8.1%}{change.value:+8.1%}")
    print(f"95 % interval of the change: {change.low:+.1%} to {change.high:+.1%}")
    print("The order is certain." if change.certain else "The two cannot be told apart here.")


if __name__ == "__main__":
    main()
