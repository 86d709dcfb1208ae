"""Lists of images to archives: what is in them, what is made again, what is refused."""

from __future__ import annotations

import io
import json
import os
import sys
import tarfile

import fsspec
import numpy as np
import pytest
from PIL import Image

import contextseg
from contextseg.inference.batch import run
from contextseg.inference.batch.options import BatchOptions
from contextseg.inference.batch.run import batch_files
from contextseg.inference.earlier import OutputExistsError
from contextseg.system.failures import MachineError
from tests.inference.batch.batches import archives, members, records, write_images, write_list
from tests.ranks import torchrun

HERE = {"engine": "ranks", "device": "cpu"}
"""In this process: the world of one."""


def batch(model, images, out, size=2, **options):
    return batch_files(model, images, out, BatchOptions(**{"shard_size": size, **HERE, **options}))


def test_what_is_in_an_archive(model, tmp_path):
    paths = write_images(tmp_path / "in", 3)
    report = batch(model, write_list(tmp_path / "list", paths), tmp_path / "out")
    assert sorted(os.listdir(tmp_path / "out")) == [
        "batch.json", "errors.jsonl", "report.json", "shard-000000.tar", "shard-000001.tar",
    ]  # fmt: skip
    first = members(tmp_path / "out" / "shard-000000.tar")
    assert list(first) == [
        "masks/000000000.png", "masks/000000001.png", "records.jsonl", "errors.jsonl", "shard.json",
    ]  # fmt: skip
    predictor = contextseg.load(model, device="cpu")
    expected = predictor(paths[1])
    with Image.open(io.BytesIO(first["masks/000000001.png"])) as mask:
        assert mask.mode == "P"
        assert np.array_equal(np.array(mask), expected.mask)
    record = records(tmp_path / "out" / "shard-000000.tar")[1]
    said = json.loads(json.dumps(expected.to_dict()))
    assert record == {
        "id": "000000001", "source": str(paths[1]), "mask": "masks/000000001.png", **said,
    }  # fmt: skip
    assert (report.images, report.done, report.failed, report.shards) == (3, 3, 0, 2)
    masks = [predictor(path).mask for path in paths]
    for share in report.classes:
        pixels = sum(int((mask == share.id).sum()) for mask in masks)
        assert (share.pixels, share.share) == (pixels, pixels / sum(mask.size for mask in masks))
    written = json.loads((tmp_path / "out" / "report.json").read_text())
    assert written["classes"] == [share._asdict() for share in report.classes]
    with tarfile.open(tmp_path / "out" / "shard-000001.tar") as tar:
        assert {(info.mtime, info.uid, info.mode) for info in tar} == {(0, 0, 0o644)}


def test_bad_images_are_records_and_harm_no_other(model, tmp_path):
    a, b, *_ = write_images(tmp_path / "in", 3)
    b.write_bytes(b.read_bytes()[:100])
    lines = [f"{a}\tone", f"{b}\ttwo", f"{a}\tOne", f"{a}\t../up", f"{tmp_path}/gone.png\tx",
             f"{a}\tsub/x", f"{tmp_path}/in\ty", f"{a}\tC:x", f"{a}\t{'n' * 300}"]  # fmt: skip
    report = batch(model, write_list(tmp_path / "list", lines), tmp_path / "out", size=20)
    (archive,) = (tmp_path / "out").glob("*.tar")
    assert [record["id"] for record in records(archive)] == ["one", "sub/x"]
    errors = {error["id"]: error["error"] for error in records(archive, "errors.jsonl")}
    assert list(errors) == ["two", "One", "../up", "x", "y", "C:x", "n" * 300]
    for name, said in (("two", str(b)), ("One", "occurs earlier"), ("../up", "no path below"),
                       ("x", "no such file"), ("y", "but a folder"), ("C:x", "no path below"),
                       ("n" * 300, "more than 200 bytes")):  # fmt: skip
        assert said in errors[name]
    assert (report.done, report.failed) == (2, 7)
    listed = (tmp_path / "out" / "errors.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in listed] == records(archive, "errors.jsonl")


def test_urls_are_read_and_tried_again(model, tmp_path, monkeypatch):
    (path,) = write_images(tmp_path / "in", 1)
    memory = fsspec.filesystem("memory")
    memory.pipe_file("/batch/a.png", path.read_bytes())
    monkeypatch.setattr("contextseg.system.remote.PAUSE", 0)
    original, calls = fsspec.open, []

    def unreliable(source, mode):
        calls.append(source)
        if len(calls) < 3 or "down" in source:
            raise ConnectionResetError("reset by peer")
        return original(source, mode)

    monkeypatch.setattr(fsspec, "open", unreliable)
    lines = ["memory://batch/a.png", "memory://batch/b.png", "memory://down.png"]
    report = batch(model, write_list(tmp_path / "list", lines), tmp_path / "out", size=1)
    assert (report.done, report.failed) == (1, 2)
    errors = [records(tmp_path / "out" / f"shard-00000{i}.tar", "errors.jsonl") for i in range(3)]
    assert errors[0] == []
    assert errors[1][0]["error"] == "memory://batch/b.png: no such file."
    assert errors[2][0]["error"] == "memory://down.png: cannot be read (reset by peer)."
    assert (calls.count(lines[0]), calls.count(lines[1]), calls.count(lines[2])) == (3, 1, 3)


def test_only_what_is_missing_or_changed_is_made(model, tmp_path):
    paths = write_images(tmp_path / "in", 6)
    given, out = write_list(tmp_path / "list", paths), tmp_path / "out"
    assert batch(model, given, out).computed == 6
    before, report = archives(out), (out / "report.json").read_bytes()
    again = batch(model, given, out)
    assert (again.computed, again.done) == (0, 6)
    cut = out / "shard-000001.tar"
    cut.write_bytes(cut.read_bytes()[:-10000])
    (out / "shard-000002.tar").unlink()
    (out / ".shard-000002.abcdefgh.partial.tar").write_bytes(b"half")
    assert batch(model, given, out).computed == 4
    assert archives(out) == before
    assert not list(out.glob(".*"))
    write_list(given, [*paths[:5], paths[0], paths[1]])
    assert batch(model, given, out).computed == 3
    assert report != (out / "report.json").read_bytes()


def test_failed_images_are_tried_again_when_asked(model, tmp_path):
    paths = write_images(tmp_path / "in", 4)
    content = paths[2].read_bytes()
    paths[2].write_bytes(b"")
    given, out = write_list(tmp_path / "list", paths), tmp_path / "out"
    assert batch(model, given, out).failed == 1
    paths[2].write_bytes(content)
    assert batch(model, given, out).computed == 0
    report = batch(model, given, out, retry_failed=True)
    assert (report.computed, report.failed) == (2, 0)


def test_archives_of_other_options_are_not_taken_for_these(model, tmp_path):
    paths = write_images(tmp_path / "in", 4)
    given, out = write_list(tmp_path / "list", paths), tmp_path / "out"
    batch(model, given, out)
    before = archives(out)
    for options, said in (({"flip": True}, "flip: False then, True now"),
                          ({"size": 3}, "shard_size: 2 then, 3 now")):  # fmt: skip
        with pytest.raises(OutputExistsError, match=rf"2 archives.*{said}.*--overwrite"):
            batch(model, given, out, **options)
    assert archives(out) == before
    report = batch(model, given, out, flip=True, overwrite=True)
    assert report.computed == 4
    assert batch(model, given, out, flip=True).computed == 0


def test_archives_behind_the_end_are_not_left(model, tmp_path):
    paths = write_images(tmp_path / "in", 4)
    given, out = write_list(tmp_path / "list", paths), tmp_path / "out"
    batch(model, given, out)
    write_list(given, paths[:2])
    with pytest.raises(OutputExistsError, match=r"shard-000001\.tar and 0 more"):
        batch(model, given, out)
    assert batch(model, given, out, overwrite=True).computed == 0
    assert list(archives(out)) == ["shard-000000.tar"]


def test_ranks_share_the_shards_and_the_last_reports(model, tmp_path, monkeypatch):
    paths = write_images(tmp_path / "in", 5)
    given, out = write_list(tmp_path / "list", paths), tmp_path / "out"
    batch(model, given, tmp_path / "whole", size=1)
    reports = []
    for rank in (2, 0, 1):
        for name, value in torchrun(rank, 3, 1).items():
            monkeypatch.setenv(name, value)
        reports.append(batch(model, given, out, size=1))
    assert [report.computed for report in reports] == [1, 2, 2]
    assert [report.missing for report in reports] == [4, 2, 0]
    assert archives(out) == archives(tmp_path / "whole")
    assert json.loads((out / "report.json").read_text())["done"] == 5
    with pytest.raises(ValueError, match="torchrun started 3 processes, which --engine ranks"):
        batch(model, given, out, size=1, engine="local")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": 0}, "shard_size must be at least 1, got 0"),
        ({"workers": 0}, "workers must be at least 1"),
        ({"engine": "spark"}, "engine must be local, ranks or ray"),
        ({"window": 8}, "window must be at least 32"),
    ],
)
def test_options_out_of_range(model, tmp_path, options, message):
    with pytest.raises(ValueError, match=message):
        batch(model, tmp_path, tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()


def test_without_ray_it_says_how_to_get_it(model, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    write_images(tmp_path / "in", 1)
    with pytest.raises(ValueError, match=r"pip install 'contextseg\[batch\]'"):
        batch(model, tmp_path / "in", tmp_path / "out", engine="ray")
    assert not (tmp_path / "out").exists()


def test_a_full_disk_ends_the_work_and_keeps_what_is_done(model, tmp_path, monkeypatch):
    paths = write_images(tmp_path / "in", 4)
    given, out = write_list(tmp_path / "list", paths), tmp_path / "out"
    task, calls = run.ShardTask.run, []

    def fill(self, *arguments, **options):
        calls.append(1)
        if len(calls) == 2:
            raise OSError(28, "No space left on device", str(out))
        return task(self, *arguments, **options)

    monkeypatch.setattr(run.ShardTask, "run", fill)
    with pytest.raises(MachineError, match=r"disk is full.*to resume"):
        batch(model, given, out)
    assert list(archives(out)) == ["shard-000000.tar"]
    assert batch(model, given, out).computed == 2
