"""What became of all images of a batch, from the archives that were made of them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from contextseg.data.classes import Classes
from contextseg.inference.batch.archive import read_errors, read_summary
from contextseg.inference.batch.plan import Shard
from contextseg.inference.result import ClassShare
from contextseg.system.atomic_files import atomic_path, write_text
from contextseg.system.json_text import load_json

REPORT, ERRORS = "report.json", "errors.jsonl"


@dataclass(frozen=True, kw_only=True)
class BatchReport:
    """What became of the images of a list."""

    images: int
    """Images in the list."""
    done: int
    """Images whose masks are in an archive."""
    failed: int
    """Images whose errors are in an archive; `errors.jsonl` has them all."""
    classes: list[ClassShare]
    """Classes in the masks, largest first, with their shares of all pixels."""
    shards: int
    """Archives of the list."""
    missing: int
    """Archives that are not there yet: other processes are making them."""
    computed: int = 0
    """Images that this call computed; the others were there."""
    seconds: float = 0.0
    """How long that took."""

    def to_dict(self) -> dict[str, Any]:
        """The report as JSON takes it."""
        speed = self.computed / self.seconds if self.seconds > 0 else None
        return {
            "images": self.images,
            "done": self.done,
            "failed": self.failed,
            "shards": self.shards,
            "classes": [share._asdict() for share in self.classes],
            "last_run": {
                "images": self.computed,
                "seconds": round(self.seconds, 3),
                "images_per_second": speed and round(speed, 3),
            },
        }


def read_failures(out: Path, most: int) -> list[str]:
    """The first reasons in `errors.jsonl`, each of which names its image."""
    with (out / ERRORS).open(encoding="utf-8") as file:
        return [load_json(line)["error"] for line in islice(file, most)]


def write_report(
    out: Path, shards: Sequence[Shard], classes: Classes, computed: int, seconds: float
) -> BatchReport:
    """Read what all archives say of themselves, and write `report.json` and `errors.jsonl`.

    Nothing is written while an archive is missing.
    """
    pixels: Counter[int] = Counter()
    images = done = failed = missing = 0
    with_errors = []
    for shard in shards:
        images += shard.images
        summary = read_summary(out / shard.file) or {}
        if summary.get("digest") != shard.digest:
            missing += 1
            continue
        done, failed = done + summary["done"], failed + summary["failed"]
        pixels.update({int(key): number for key, number in summary["pixels"].items()})
        if summary["failed"]:
            with_errors.append(shard)
    total = sum(pixels.values())
    shares = [
        ClassShare(info.name, info.id, pixels[info.id] / total, pixels[info.id])
        for info in classes.classes
        if pixels[info.id]
    ]
    report = BatchReport(
        images=images,
        done=done,
        failed=failed,
        classes=sorted(shares, key=lambda share: -share.pixels),
        shards=len(shards),
        missing=missing,
        computed=computed,
        seconds=seconds,
    )
    if not missing:
        with atomic_path(out / ERRORS) as partial, partial.open("w", encoding="utf-8") as file:
            for shard in with_errors:
                for error in read_errors(out / shard.file):
                    file.write(json.dumps(error) + "\n")
        write_text(out / REPORT, json.dumps(report.to_dict(), indent=2) + "\n")
    return report
