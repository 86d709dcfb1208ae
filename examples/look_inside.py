"""See what a network made of a photo: one figure of everything it computed on the way.

Labels and their confidence; for EncNet the probability that each class is in the scene, the gates
that this gave the feature channels, and the places that the codewords hold; for CPNet what one
pixel takes for its own class (`--pixel`). `--only` decides among some classes, as if somebody had
told the network what is in the scene. Needs matplotlib (extra `train`).

    python examples/look_inside.py
    python examples/look_inside.py dog.jpg --model animals --only background dog --out dog.png
"""
# pyright: reportUnknownMemberType=false

from __future__ import annotations

import argparse
from pathlib import Path

import contextseg

SAMPLE = Path(__file__).resolve().parents[1] / "samples/camvid/images/test/0001TP_008640.webp"


def main() -> None:
    """Read the arguments, look, print the presence and write the figure."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("photo", nargs="?", type=Path, default=SAMPLE)
    parser.add_argument("--model", default="street", help="street, animals, or a run folder")
    parser.add_argument("--only", nargs="+", metavar="CLASS", help="classes to decide among")
    parser.add_argument("--pixel", nargs=2, type=int, metavar=("ROW", "COLUMN"))
    parser.add_argument("--out", type=Path, default=Path("runs/look_inside.png"))
    args = parser.parse_args()

    predictor = contextseg.load(args.model)
    names = predictor.classes.names
    found = predictor.inspect(args.photo)
    print(found)
    if found.presence_logits is not None:
        presence = found.presence_logits.sigmoid().numpy()
        for share, name in sorted(zip(presence, names, strict=True), reverse=True):
            print(f"  {name:<16}{share:7.1%} likely to be in the scene")
    ticked = None if args.only is None else [names.index(name) for name in args.only]
    pixel = None if args.pixel is None else (args.pixel[0], args.pixel[1])
    args.out.parent.mkdir(parents=True, exist_ok=True)
    found.figure(ticked, pixel).savefig(args.out, dpi=100)
    print(args.out)


if __name__ == "__main__":
    main()
