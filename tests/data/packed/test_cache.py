"""Packs behind URLs: each file is fetched once, checked, and kept on this machine."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import fsspec
import pytest

from contextseg.data import open_dataset, splits_of
from contextseg.data.packed import cache
from contextseg.data.packed.pack import pack_dataset
from contextseg.system import remote
from contextseg.system.remote import RemoteError, joined
from tests.data.packed.packs import assert_same_data, batches, write_mixed
from tests.data.test_loading import assert_equal

URL = "memory://packs/mixed"


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    pack_dataset(write_mixed(folder / "mixed"), folder / "pack", shard_bytes=20_000)
    return folder


@pytest.fixture
def store(made, tmp_path, monkeypatch):
    """A store with the pack, and an empty cache; what is opened is listed."""
    monkeypatch.setenv("CONTEXTSEG_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(remote, "PAUSE", 0)
    memory = fsspec.filesystem("memory")
    for path in (made / "pack").iterdir():
        memory.pipe_file(f"/packs/mixed/{path.name}", path.read_bytes())
    opened, original = [], fsspec.open
    monkeypatch.setattr(
        fsspec, "open", lambda url, mode: (opened.append(url), original(url, mode))[1]
    )
    yield opened
    memory.rm("/packs", recursive=True)


def fetched(opened: list[str]) -> list[str]:
    names = [url.rpartition("/")[2] for url in opened]
    return sorted(name for name in names if name not in ("pack.json", "classes.json"))


def test_a_url_gives_the_same_data_and_is_read_once(made, store):
    assert splits_of(URL) == ["train", "val"]
    assert fetched(store) == []
    data = open_dataset(URL, "train")
    assert fetched(store) == ["index-000.tsv"]  # no more than needed
    data[0]
    assert fetched(store) == ["index-000.tsv", "shard-000000.tar"]
    assert_same_data(made / "mixed", URL)
    everything = fetched(store)
    assert len(everything) == len(set(everything)) == 2 + len([*(made / "pack").glob("*.tar")])
    assert_equal(batches(URL), batches(made / "mixed"))
    assert fetched(store) == everything
    assert str(data.root) == URL  # pyright: ignore[reportAttributeAccessIssue]


@pytest.mark.slow
def test_workers_fetch_what_they_need(made, tmp_path, monkeypatch):
    monkeypatch.setenv("CONTEXTSEG_CACHE", str(tmp_path / "cache"))
    url = (made / "pack").as_uri()
    assert_equal(batches(url, workers=2), batches(made / "mixed"))
    (kept,) = (tmp_path / "cache" / "packed").iterdir()
    assert not [path for path in kept.iterdir() if path.is_dir() or path.name.startswith(".")]


def test_threads_fetch_an_archive_once(store, monkeypatch):
    data = open_dataset(URL, "train")
    before, started = list(store), threading.Barrier(3)
    slow = cache._fetch

    def waits(*arguments):
        time.sleep(0.3)
        slow(*arguments)

    monkeypatch.setattr(cache, "_fetch", waits)

    def read() -> None:
        started.wait()
        data[0]

    threads = [threading.Thread(target=read) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert fetched(store[len(before) :]) == ["shard-000000.tar"]


@pytest.mark.parametrize("damage", [lambda old: old[:700], lambda old: old[:-1] + b"x"])
def test_what_arrives_damaged_is_refused_and_not_kept(store, damage):
    data = open_dataset(URL, "train")
    memory = fsspec.filesystem("memory")
    whole = memory.cat_file("/packs/mixed/shard-000000.tar")
    memory.pipe_file("/packs/mixed/shard-000000.tar", damage(whole))
    with pytest.raises(RemoteError, match=r"shard-000000.tar: is (truncated|damaged)"):
        data[0]
    memory.pipe_file("/packs/mixed/shard-000000.tar", whole)
    assert data[0].name == "train4"


def test_a_network_that_fails_once_and_one_that_is_down(store, monkeypatch):
    working, calls = fsspec.open, []

    def unreliable(url, mode):
        calls.append(url)
        if len(calls) == 1 or "down" in url:
            raise ConnectionResetError("reset by peer")
        return working(url, mode)

    monkeypatch.setattr(fsspec, "open", unreliable)
    assert open_dataset(URL, "val").names[0] == "straße/val1"
    with pytest.raises(ValueError, match=r"down/pack.json: cannot be read \(reset by peer"):
        open_dataset("memory://down", "train")


def test_urls_without_a_pack(store):
    with pytest.raises(ValueError, match=r"//nothing/pack.json: no such file. A URL must be"):
        open_dataset("memory://nothing", "train")
    with pytest.raises(ValueError, match="nosuch:// URLs cannot be opened"):
        splits_of("nosuch://bucket/shards")


def test_another_pack_at_the_same_url_is_another_data_set(made, store, tmp_path):
    open_dataset(URL, "train")[0]
    pack_dataset(made / "mixed", tmp_path / "other", splits=["val"])
    memory = fsspec.filesystem("memory")
    for path in (tmp_path / "other").iterdir():
        memory.pipe_file(f"/packs/mixed/{path.name}", path.read_bytes())
    assert_same_data(made / "mixed", URL, ["val"])


def test_a_file_that_the_disk_cut_short_is_fetched_again(store, tmp_path):
    open_dataset(URL, "train")[0]
    (kept,) = (tmp_path / "cache").rglob("shard-000000.tar")
    os.truncate(kept, 100)
    assert open_dataset(URL, "train")[0].name == "train4"
    assert fetched(store).count("shard-000000.tar") == 2


@pytest.mark.parametrize(
    ("url", "file"),
    [
        ("s3://bucket/shards", "s3://bucket/shards/pack.json"),
        ("s3://bucket/shards/", "s3://bucket/shards/pack.json"),
        ("simplecache::s3://bucket/shards", "simplecache::s3://bucket/shards/pack.json"),
        ("zip://shards::s3://bucket/a.zip", "zip://shards/pack.json::s3://bucket/a.zip"),
    ],
)
def test_urls_of_files_in_folders(url, file):
    assert joined(url, "pack.json") == file
