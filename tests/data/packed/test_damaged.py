"""Archives that are truncated, damaged, missing or not what they say are named, with the place."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest

from contextseg.cli.__main__ import main
from contextseg.data import open_dataset
from contextseg.data.check import check_dataset
from contextseg.data.packed.pack import pack_dataset
from contextseg.data.picture_files import ImageError
from tests.data.packed.packs import write_mixed


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    pack_dataset(write_mixed(folder / "mixed"), folder / "pack", shard_bytes=20_000)
    return folder / "pack"


@pytest.fixture
def pack(made, tmp_path) -> Path:
    shutil.copytree(made, tmp_path / "pack")
    return tmp_path / "pack"


def row(pack: Path, index: int = 0) -> list[str]:
    """The numbers and the name of a training image."""
    return (pack / "index-000.tsv").read_text(encoding="utf-8").splitlines()[index].split("\t")


def test_a_truncated_archive_is_known_at_once(pack):
    archive = pack / "shard-000001.tar"
    whole = archive.stat().st_size
    os.truncate(archive, 700)
    with pytest.raises(ValueError, match=rf"shard-000001.tar: is truncated: .* 700, .* {whole:,}"):
        open_dataset(str(pack), "train")
    data = open_dataset(str(pack), "train", strict=False)
    report = check_dataset(data, decode_images=True)
    assert "is truncated" in report.problems[0]
    assert [data.names[i] for i in report.faulty] == [
        name for i, name in enumerate(data.names) if row(pack, i)[0] == "1"
    ]


def test_an_archive_that_shrinks_or_goes_meanwhile(pack):
    data = open_dataset(str(pack), "train")
    offset, size = map(int, row(pack)[3:5])
    os.truncate(pack / "shard-000000.tar", offset + 10)
    with pytest.raises(ImageError) as error:
        data[0]
    assert str(pack / "shard-000000.tar") in str(error.value)
    assert f"byte {offset:,} (image of 'train4')" in str(error.value)
    assert f"truncated: it ends at byte {offset + 10:,}, before byte {offset + size:,}" in str(
        error.value
    )
    (pack / "shard-000001.tar").unlink()
    with pytest.raises(ImageError, match=r"shard-000001.tar, byte .*: cannot be read: No such"):
        data[len(data) - 1]
    with pytest.raises(ValueError, match=r"shard-000001.tar: there is no such archive"):
        open_dataset(str(pack), "train")


@pytest.mark.parametrize(("column", "what"), [(3, "image"), (6, "mask")])
def test_one_wrong_bit_is_noticed(pack, column, what, capsys):
    offset, size = map(int, row(pack)[column : column + 2])
    with (pack / "shard-000000.tar").open("r+b") as file:
        file.seek(offset + size // 2)
        (byte,) = file.read(1)
        file.seek(offset + size // 2)
        file.write(bytes([byte ^ 1]))
    with pytest.raises(ImageError, match=rf"000000.tar, byte {offset:,} .*{what} of 'train4"):
        open_dataset(str(pack), "train")[0]
    assert main(["data", "check", str(pack), "--no-sheet"]) == 1
    said = capsys.readouterr().out
    assert f"byte {offset:,} ({what} of 'train4'): {size:,} bytes are damaged" in said
    assert "1 fault." in said.replace("One fault", "1 fault")


def test_processes_and_threads_share_nothing(pack):
    data = open_dataset(str(pack), "train")
    first = data[0]
    again = pickle.loads(pickle.dumps(data))
    assert np.array_equal(again[0].image, first.image)
    assert repr(again) == repr(data)


def rewrite(pack: Path, **changes: object) -> None:
    content = json.loads((pack / "pack.json").read_text())
    (pack / "pack.json").write_text(json.dumps(content | changes))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"version": 2}, "is of version 2"),
        ({"version": None}, "is of version None"),
        ({"shards": [{"file": "../secret", "bytes": 1, "sha256": "0" * 64}]}, "no plain name"),
        ({"shards": [{"file": "a/b", "bytes": 1, "sha256": "0" * 64}]}, "no plain name"),
        ({"shards": [{"file": "a", "bytes": -1, "sha256": "0" * 64}]}, "no number of bytes"),
        ({"shards": [{"file": "a", "bytes": 1, "sha256": "x"}]}, "no digest"),
        ({"shards": [{"file": "a"}]}, "is no file that"),
        ({"shards": 3}, "is no file that"),
        ({"splits": []}, "is no file that"),
        ({"bands": {"channels": "many"}}, "is no file that"),
    ],
)
def test_a_pack_file_that_somebody_made_up(pack, changes, said):
    rewrite(pack, **changes)
    with pytest.raises(ValueError, match=said) as error:
        open_dataset(str(pack), "train")
    assert str(pack / "pack.json") in str(error.value)


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        (0, "9", "lies outside"),
        (0, "-1", "lies outside"),
        (3, "999999999", "lies outside"),
        (4, str(2**63 - 1), "lies outside"),
        (4, str(2**70), "is no index"),
        (6, "-5", "lies outside"),
        (1, "0", "lies outside"),
        (1, "many", "is no index"),
    ],
)
def test_an_index_that_leads_elsewhere(pack, column, value, said):
    path = pack / "index-000.tsv"
    lines = [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines()]
    lines[1][column] = value
    path.write_text("".join("\t".join(line) + "\n" for line in lines), encoding="utf-8")
    with pytest.raises(ValueError, match=r"index-000.tsv: is damaged"):
        open_dataset(str(pack), "train")
    agree(pack)
    with pytest.raises(ValueError, match=said):
        open_dataset(str(pack), "train")


def agree(pack: Path) -> None:
    """Make pack.json say what the index is now."""
    content = json.loads((pack / "pack.json").read_text())
    text = (pack / "index-000.tsv").read_bytes()
    content["splits"]["train"] |= {
        "bytes": len(text), "sha256": hashlib.sha256(text).hexdigest()
    }  # fmt: skip
    rewrite(pack, splits=content["splits"])


def test_an_index_of_other_images(pack):
    path = pack / "index-000.tsv"
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    path.write_text("".join(lines[:-1]), encoding="utf-8")
    agree(pack)
    with pytest.raises(ValueError, match="4 lines for 5 images"):
        open_dataset(str(pack), "train")
    path.write_text("".join([*lines[:-1], lines[0]]), encoding="utf-8")
    agree(pack)
    with pytest.raises(ValueError, match=r"does not fit its pack\.json"):
        open_dataset(str(pack), "train")
    size = row(pack)[1]
    lines[0] = lines[0].replace(f"\t{size}\t", f"\t{int(size) + 1}\t", 1)
    path.write_text("".join(lines), encoding="utf-8")
    agree(pack)
    with pytest.raises(ValueError, match="but the index says"):
        open_dataset(str(pack), "train")[0]
