"""Train a model on your own labelled images, and score it on images it has not seen.

The folder holds photos and masks in any arrangement: `init_data` pairs them by their names, finds
the classes in the masks, divides the photos into train and val, and writes that down beside them
(nothing else is changed). Training starts from the model of street scenes, whose backbone knows
edges and textures already; on a CPU this takes minutes. Stop it with Ctrl-C, and resume it with
`--resume`. The default data are the scenes in samples/: a try-out, because that model knows them.
Needs the extra `train`.

    python examples/train_own_images.py
    python examples/train_own_images.py my_images/ --epochs 40 --out runs/mine
"""

from __future__ import annotations

import argparse
from pathlib import Path

import contextseg

SAMPLES = Path(__file__).resolve().parents[1] / "samples/camvid"


def main() -> None:
    """Read the arguments, train, score and show one prediction."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("images", nargs="?", type=Path, default=SAMPLES, help="folder of your own")
    parser.add_argument("--recipe", default="encnet_efficientnet_lite0")
    parser.add_argument("--start", default="street", help="model to start from")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--crop", type=int, default=192, help="pixels; more is better and slower")
    parser.add_argument("--out", type=Path, default=Path("runs/train_own_images"))
    parser.add_argument("--resume", action="store_true")
    args = parser.parse_args()

    recipe: str = args.recipe
    print(contextseg.init_data(args.images))
    run = contextseg.train(
        recipe,
        data=args.images,
        init_from=args.start,
        epochs=args.epochs,
        crop=args.crop,
        out=args.out,
        resume=args.resume,
    )
    if run.interrupted:
        raise SystemExit(f"Stopped. Continue with --resume --out {run.folder}")
    scores = contextseg.evaluate(run.predictor, args.images, split="val")
    for name, iou in zip(run.predictor.classes.names, scores.iou, strict=True):
        print(f"{name:<16}{iou:6.1%}")
    print(f"{'mean IoU':<16}{scores.mean_iou:6.1%}, report: {run.folder / 'report.html'}")


if __name__ == "__main__":
    main()
