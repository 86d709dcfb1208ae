"""Lists of images and how they are divided."""

from __future__ import annotations

import gzip
import os
import sys

import pytest

from contextseg.inference.batch.manifest import Entry, listed
from contextseg.inference.batch.plan import entries_of, plan
from tests.inference.batch.batches import write_images, write_list
from tests.peak_memory import printed_by


def planned(given, folder, size=2):
    with listed(given, folder) as manifest:
        shards = list(plan(manifest, size, "how"))
        return shards, [entries_of(manifest, shard) for shard in shards]


@pytest.mark.parametrize("packed", [False, True])
def test_lines_with_and_without_ids(tmp_path, packed):
    text = "\ufeffa b.png\r\n\r\nmemory://c.png\tnamed/ü\n  \nd.png".encode()
    given = tmp_path / "list"
    given.write_bytes(gzip.compress(text) if packed else text)
    shards, entries = planned(given, tmp_path)
    assert entries == [
        [Entry("a b.png", "000000000"), Entry("memory://c.png", "named/ü")],
        [Entry("d.png", "000000002")],
    ]
    assert [(shard.file, shard.first, shard.images) for shard in shards] == [
        ("shard-000000.tar", 0, 2), ("shard-000001.tar", 2, 1),
    ]  # fmt: skip
    assert os.listdir(tmp_path) == ["list"]


def test_a_digest_follows_from_lines_places_and_options(tmp_path):
    def digests(text, how="how"):
        return [shard.digest for shard in plan(write_list(tmp_path / "list", text), 2, how)]

    first = digests(["a", "b", "c", "d"])
    assert digests(["a", "b", "c", "e"])[0] == first[0] != digests(["a", "x"])[0]
    assert len({*first, *digests(["a", "b", "c", "e"]), *digests(["c", "d"])}) == 4
    assert not {*first} & {*digests(["a", "b", "c", "d"], "other")}
    (tmp_path / "dos").write_bytes(b"a\r\nb\r\n")
    assert next(plan(tmp_path / "dos", 2, "how")).digest == first[0]


def test_folders_and_patterns(tmp_path):
    write_images(tmp_path / "in" / "x", 2)
    write_images(tmp_path / "in" / "y" / "deep", 1)
    write_images(tmp_path / "in" / ".hidden", 1)
    write_list(tmp_path / "in" / "notes.txt", ["no image"])

    def ids(given):
        return [entry.id for shard in planned(given, tmp_path)[1] for entry in shard]

    assert ids(tmp_path / "in") == ["x/000.png", "x/001.png", "y/deep/000.png"]
    assert ids(f"{tmp_path}/in/*/*.png") == ["x/000.png", "x/001.png"]
    assert ids(f"{tmp_path}/in/**/000.png") == ["x/000.png", "y/deep/000.png"]
    assert planned(tmp_path / "in", tmp_path)[1][0][0].source == f"{tmp_path}/in/x/000.png"


@pytest.mark.skipif(sys.platform == "win32", reason="names are Unicode there")
def test_names_that_are_not_utf_8(tmp_path):
    (path,) = write_images(tmp_path / "in", 1)
    try:
        os.rename(path, os.fsencode(path.parent) + b"/\xff.png")
    except OSError:
        pytest.skip("this file system takes UTF-8 only")
    ((entry,),) = planned(tmp_path / "in", tmp_path)[1]
    assert os.path.isfile(entry.source)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("absent.txt", r"absent\.txt: no such file"),
        ("a.png", r"a\.png is an image.*contextseg predict"),
        ("empty", "no images in .*empty"),
        ("*.gif", r"no images in .*\*\.gif"),
        ("binary", "is no list of images"),
        ("long", "is no list of images"),
        ("cut.gz", r"cut\.gz: is damaged"),
        ("urls", r"nosuch:// URLs cannot be opened"),
    ],
)
def test_what_is_no_list(tmp_path, given, message):
    (tmp_path / "a.png").write_bytes(b"")
    (tmp_path / "empty").mkdir()
    (tmp_path / "binary").write_bytes(b"a\0b\n")
    (tmp_path / "long").write_bytes(b"a" * 100_000)
    (tmp_path / "cut.gz").write_bytes(gzip.compress(os.urandom(5000))[:3000])
    write_list(tmp_path / "urls", ["a.png", "nosuch://b.png"])
    before = sorted(os.listdir(tmp_path))
    with pytest.raises(ValueError, match=message):
        planned(tmp_path / given, tmp_path)
    assert sorted(os.listdir(tmp_path)) == before


MEMORY = """
import tempfile
from pathlib import Path
from contextseg.inference.batch.manifest import listed
from contextseg.inference.batch.plan import entries_of, plan
from tests.peak_memory import peak
with tempfile.TemporaryDirectory() as folder:
    for number in (1_000, 100_000):
        file = Path(folder, "list.txt")
        with file.open("w") as out:
            for i in range(number):
                out.write(f"/data/images/of/some/length/{i:09}.jpg\\n")
        start = peak()
        with listed(file, Path(folder)) as manifest:
            for shard in plan(manifest, 100, "how"):
                entries_of(manifest, shard)
        print(peak() - start)
"""


@pytest.mark.slow
def test_memory_does_not_grow_with_the_list():
    few, many = printed_by(MEMORY)
    assert max(few, many) < 4  # MiB; the long list has 4.4 MB, and more as objects
