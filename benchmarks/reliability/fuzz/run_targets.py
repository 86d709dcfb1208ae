"""What runs, predictions and batches leave behind: results, records, journals, packs."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from benchmarks.reliability.fuzz.engine import Target
from benchmarks.reliability.fuzz.files import from_file, overwrite
from benchmarks.reliability.fuzz.mutation import either, of_bytes, of_json

DIGEST = "0" * 64
SCORES = {"settings": {"data": "d"}, "mean_iou": 0.5, "pixel_accuracy": 0.5, "mean_accuracy": None,
          "presence_map": 0.5, "exact": [3, 4],
          "classes": [{"name": "a", "iou": 0.5, "boundary_iou": 0.5}, {"name": "b", "iou": None,
                       "boundary_iou": None}], "confusion": [[1, 2], [3, 4]]}  # fmt: skip
PACK = {
    "version": 1, "layout": "folder",
    "bands": {"channels": [0, 1, 2], "value_range": [0, 1], "text": "x"},
    "splits": {"train": {"images": 2, "file": "index-000.tsv", "bytes": 10, "sha256": DIGEST}},
    "shards": [{"file": "shard-000000.tar", "bytes": 99, "sha256": DIGEST}],
}  # fmt: skip
WORK = {"model": "m", "scales": [1.0]}


def targets(work: Path) -> list[Target]:
    """Readers of results."""
    return [*_results(work), *_predictions(work), *_packs(work), *_pages(work)]


def _results(work: Path) -> Iterator[Target]:
    from contextseg.comparison.results import read_comparison
    from contextseg.evaluation.score_files import read_class_scores, read_scores
    from contextseg.training.run_folder import read_log, read_sessions

    def scores(path: Path) -> None:
        for read in (read_scores, read_class_scores):
            read(path)

    means = {"values": {"mean_iou": 0.5}, "classes": [0.5, None], "small": [[0.1, None]]}
    run = {"seed": 0, "identity": "i", "status": "done", "scores": means, "sessions": [{}]}
    cost = {"parameters": 3, "gmac": 0.5, "images_per_s": 2.0, "memory_mib": None}
    comparison = {
        "settings": {"mean_over": ["a"]}, "classes": ["a", "b"], "pixels": [3, 4],
        "entries": [{"name": "m", "config": {}, "runs": [run], "cost": cost}],
    }  # fmt: skip
    log = b"step,epoch,loss,lr\n10,0.1,2.5,0.01\n20,0.2,,0.009\n30,0.3,1.25,0.008\n"
    yield _json("scores", work / "scores.json", scores, SCORES)
    yield _json("comparisons", work / "comparison.json", lambda path: read_comparison(path.parent),
                comparison)  # fmt: skip
    yield Target("logs of a training", from_file(work / "metrics.csv", read_log), of_bytes((log,)))
    yield _json("sessions of a training", work / "sessions.json", lambda path: read_sessions(
        path.parent), [{"seconds": 3.5, "commit": "x"}])  # fmt: skip


def _predictions(work: Path) -> Iterator[Target]:
    from contextseg.explorer.guard import unpacked
    from contextseg.inference.batch.archive import lines_of_json, read_errors, read_summary
    from contextseg.inference.batch.manifest import listed
    from contextseg.inference.raster.journal import Journal
    from contextseg.inference.records import Records, read_records

    lines = lines_of_json([{"file": "a", "made_by": {"x": 1}}, {"file": "b"}, {"file": "a"},
                           {"file": "b", "forgotten": True}])  # fmt: skip

    def records(path: Path) -> None:
        read_records(path, "file")
        with Records(path, "file") as opened:
            opened.forget("a")

    def journal(path: Path) -> None:
        opened = Journal(path.parent, ["mask"])
        overwrite(opened.file("mask"), bytes(40))
        opened.open(WORK, lambda file, _: _begin(file))

    def archive(path: Path) -> None:
        if read_summary(path) is not None:
            read_errors(path)

    def manifest(path: Path) -> None:
        with listed(path, path.parent, "list") as found:
            found.read_bytes()

    window = zlib.compress(np.zeros((1, 4, 5), np.uint8).tobytes())
    heads = [json.dumps({"work": WORK, "heads": [8]}), json.dumps({"rows": 4, "counts": [[9, 9]]}),
             json.dumps({"rows": 8, "counts": [[]], "complete": True})]  # fmt: skip
    yield Target("records of predictions", from_file(work / "records.jsonl", records),
                 of_bytes((lines,)))  # fmt: skip
    yield Target("journals of rasters", from_file(work / "j.unfinished" / "journal.jsonl", journal),
                 of_bytes(("\n".join([*heads, ""]).encode(),)))  # fmt: skip
    yield Target("windows of rasters", from_file(work / "w.unfinished" / "window-3.z",
                 lambda path: Journal(path.parent, ["mask"]).window(3, (1, 4, 5))),
                 of_bytes((window,)))  # fmt: skip
    yield Target("archives of a batch", from_file(work / "shard-000000.tar", archive),
                 of_bytes((_archive(),), (b"ustar\x00", b"shard.json\0")))  # fmt: skip
    yield Target("manifests with gzip", from_file(work / "zipped" / "m.gz", manifest),
                 of_bytes((gzip.compress(b"a.png\nb.png\n"),)))  # fmt: skip
    yield Target("bodies of requests", lambda content: unpacked(content, 100),
                 of_bytes((gzip.compress(bytes(90)), gzip.compress(bytes(200)))))  # fmt: skip


def _begin(file: Path) -> int:
    overwrite(file, bytes(8))
    return 8


def _archive() -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as tar:
        parts = {"errors.jsonl": b'{"file": "a", "error": "x"}\n',
                 "shard.json": b'{"digest": "d", "done": 1, "failed": 1}'}  # fmt: skip
        for name, content in parts.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return file.getvalue()


def _packs(work: Path) -> Iterator[Target]:
    from contextseg.data.packed.facts import PackedFile, read_facts
    from contextseg.data.packed.index import read_index

    shards = [PackedFile("shard-000000.tar", 9000, DIGEST)]
    line = b"0\t40\t60\t512\t100\t77\t1024\t90\t78\ttrain/a b\n"

    def index(content: bytes) -> object:
        path = work / "index.tsv"
        overwrite(path, content)
        entry = PackedFile(path.name, len(content), hashlib.sha256(content).hexdigest())
        return read_index(path, entry, 2, shards)

    yield _json("pack.json", work / "pack.json", read_facts, PACK)
    yield Target("indices of packs", index, of_bytes((line + line.replace(b"a b", b"c"),)))


def _pages(work: Path) -> Iterator[Target]:
    from contextseg.data.layouts.pascal_context import DetailAnnotations
    from contextseg.data.pairing import Entry
    from contextseg.explorer.learned_models import SCORE, read_score

    def pascal(path: Path) -> None:
        found = DetailAnnotations(path)
        for name in found.names("val"):
            found.ids(Entry(name, path, path))

    detail = {
        "images": [{"file_name": "a.jpg", "image_id": 1, "height": 4, "width": 4, "phase": "val"}],
        "annos_segmentation": [{"category_id": 2, "image_id": 1,
                                "segmentation": {"counts": "`0", "size": [4, 4]}}],
    }  # fmt: skip
    score = {"before": 0.4, "after": 0.5, "trained": 3, "held_back": 2}
    yield _json("scores of a page", work / "score" / SCORE, lambda path: read_score(path.parent),
                score)  # fmt: skip
    yield _json("Pascal's JSON of the Detail API", work / "detail.json", pascal, detail)


def _json(name: str, path: Path, read: Callable[[Path], object], content: object) -> Target:
    seed = json.dumps(content).encode()
    return Target(name, from_file(path, read), either(of_bytes((seed,)), of_json((content,))))
