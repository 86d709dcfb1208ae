"""Segment a folder of photos and write a table of what is in them.

Masks, overlays with a legend, and `shares.csv`: a row for each photo, a column for each class, and
how much of the photo the class covers. Files that cannot be read are named and left out. Stop it
with Ctrl-C and start it again: it resumes. Without arguments it takes the eight street scenes in
samples/ and the model in models/street; `animals` is the other model in the clone.

    python examples/predict_folder.py
    python examples/predict_folder.py holiday/ --model animals --out holiday_masks
"""

from __future__ import annotations

import argparse
import csv
import json
from pathlib import Path

import contextseg
from contextseg.inference.predict_files import predict_files

SAMPLES = Path(__file__).resolve().parents[1] / "samples/camvid/images/test"


def counted(done: int, total: int) -> None:
    """Show progress: a line that counts in place."""
    print(f"\r{done} of {total} photos", end="\n" if done == total else "", flush=True)


def write_table(out: Path, classes: list[str]) -> Path:
    """The shares in `predictions.jsonl` as a table that spreadsheets open."""
    with (out / "shares.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, ["file", *classes], restval=0)
        table.writeheader()
        for line in (out / "predictions.jsonl").read_text(encoding="utf-8").splitlines():
            photo = json.loads(line)
            shares = {entry["name"]: round(entry["share"], 4) for entry in photo["classes"]}
            table.writerow({"file": photo["file"], **shares})
    return out / "shares.csv"


def main() -> None:
    """Read the arguments, segment, and write the table."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("photos", nargs="?", type=Path, default=SAMPLES, help="folder of photos")
    parser.add_argument("--model", default="street", help="street, animals, or a run folder")
    parser.add_argument("--out", type=Path, default=Path("runs/predict_folder"))
    args = parser.parse_args()
    predictor = contextseg.load(args.model)
    photos, out = [args.photos], args.out
    found = predict_files(predictor, photos, out, skip_existing=True, progress=counted)
    print(f"{found.done} segmented, {found.kept} were there already, {len(found.failed)} failed")
    print(write_table(out, predictor.classes.names))


if __name__ == "__main__":
    main()
