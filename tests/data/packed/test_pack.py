"""A packed data set is the folder that was packed, sample for sample and batch for batch."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from contextseg.data import open_dataset
from contextseg.data.bands.folders import propose_for
from contextseg.data.leakage import images_of
from contextseg.data.packed.pack import pack_dataset
from tests.data.native import (
    write_camvid,
    write_cityscapes,
    write_context_json,
    write_sbd,
    write_voc,
)
from tests.data.packed.packs import assert_same_data, batches, write_mixed
from tests.data.test_loading import assert_equal


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    return write_mixed(tmp_path_factory.mktemp("data") / "mixed")


@pytest.fixture(scope="module")
def pack(root, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("packs") / "mixed"
    pack_dataset(root, out, shard_bytes=20_000)
    return out


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_samples_names_and_classes_are_those_of_the_folder(root, pack):
    assert_same_data(root, pack)
    assert len([*pack.glob("*.tar")]) > 2
    assert open_dataset(str(pack), "train").names[0] == "train4"  # the order of the list


@pytest.mark.parametrize("workers", [0, pytest.param(2, marks=pytest.mark.slow)])
def test_batches_are_those_of_the_folder_from_any_step(root, pack, workers):
    whole = batches(root)
    assert_equal(batches(pack, workers), whole)
    assert_equal(batches(pack, workers, step=3), whole[3:])


def test_bytes_follow_from_the_data_alone(root, pack, tmp_path):
    pack_dataset(root, tmp_path / "one", shard_bytes=20_000, workers=1)
    assert contents(tmp_path / "one") == contents(pack)
    pack_dataset(root, tmp_path / "large")
    assert_same_data(root, tmp_path / "large")
    assert [path.name for path in (tmp_path / "large").glob("*.tar")] == ["shard-000000.tar"]


def test_unpacked_archives_are_a_folder_again(root, pack, tmp_path):
    for path in pack.glob("*.tar"):
        with tarfile.open(path, encoding="utf-8") as tar:
            tar.extractall(tmp_path / "again", filter="data")
    (tmp_path / "again" / "classes.json").write_bytes((pack / "classes.json").read_bytes())
    (tmp_path / "again" / "splits").mkdir()
    names = (root / "splits" / "train.txt").read_bytes()
    (tmp_path / "again" / "splits" / "train.txt").write_bytes(names)
    assert_same_data(root, tmp_path / "again")
    packed = [path.relative_to(root) for path in root.rglob("*")
              if path.is_file() and "train5" not in path.name]  # fmt: skip
    for file in (f for f in packed if f.parts[0] in ("images", "masks")):
        assert (tmp_path / "again" / file).read_bytes() == (root / file).read_bytes(), file


@pytest.mark.parametrize("write", [write_camvid, write_cityscapes, write_voc, write_context_json])
def test_public_layouts(write, tmp_path):
    base = write(tmp_path / "data")
    labelled = None
    if write in (write_voc, write_cityscapes):  # the labels of their test splits are not published
        labelled = ["train", "val"]
    report = pack_dataset(base, tmp_path / "pack")
    assert_same_data(base, tmp_path / "pack", labelled)
    assert report.unlabelled == ([] if labelled is None else ["test"])


def test_masks_of_other_files_become_pictures_of_ids(tmp_path):
    base = write_sbd(
        tmp_path / "data", {"train": ["2008_000001", "2008_000002"], "val": ["2008_000003"]}
    )
    pack_dataset(base, tmp_path / "pack")
    assert_same_data(base, tmp_path / "pack")
    with tarfile.open(tmp_path / "pack" / "shard-000000.tar") as tar:
        assert tar.getnames()[:2] == [
            "images/train/2008_000001.jpg",
            "masks/train/2008_000001.png",
        ]


def test_images_that_splits_share_are_packed_once(root, tmp_path):
    flat = tmp_path / "flat"
    for folder in ("images", "masks"):
        (flat / folder).mkdir(parents=True)
    for i in range(3):
        Image.fromarray(np.full((8, 8, 3), i, np.uint8)).save(flat / f"images/{i}.png")
        Image.fromarray(np.zeros((8, 8), np.uint8)).save(flat / f"masks/{i}.png")
    (flat / "classes.json").write_bytes((root / "classes.json").read_bytes())
    (flat / "splits").mkdir()
    (flat / "splits" / "train.txt").write_text("0\n1\n2\n")
    (flat / "splits" / "train_small.txt").write_text("2\n0\n")
    report = pack_dataset(flat, tmp_path / "pack")
    assert report.images == {"train": 3, "train_small": 2}
    assert_same_data(flat, tmp_path / "pack")
    with tarfile.open(tmp_path / "pack" / "shard-000000.tar") as tar:
        assert len(tar.getnames()) == 6
    all_of, some = (images_of(open_dataset(str(tmp_path / "pack"), split))
                    for split in ("train", "train_small"))  # fmt: skip
    assert some.items() < all_of.items()


def test_images_of_other_channels(tmp_path):
    base, rng = tmp_path / "fields", np.random.default_rng(0)
    for folder in ("images/train", "masks/train"):
        (base / folder).mkdir(parents=True)
    for i in range(2):
        np.save(base / f"images/train/{i}.npy", rng.integers(0, 9000, (20, 24, 4), np.uint16))
        Image.fromarray(np.zeros((20, 24), np.uint8)).save(base / f"masks/train/{i}.png")
    (base / "classes.json").write_text(json.dumps({"classes": [{"id": 0, "name": "a"}]}))
    pack_dataset(base, tmp_path / "pack")
    expected = propose_for(str(base), "train")
    assert expected is not None
    assert propose_for(str(tmp_path / "pack"), "train") == expected
    ours = open_dataset(str(tmp_path / "pack"), "train", images=expected.images)
    theirs = open_dataset(str(base), "train", images=expected.images)
    assert ours[1].image.shape == (20, 24, 4)
    assert np.array_equal(ours[1].image, theirs[1].image)


def test_faults_are_named_and_nothing_is_left(tmp_path):
    base = write_mixed(tmp_path / "mixed")
    bad = np.full((40, 50), 77, np.uint8)
    Image.fromarray(bad).save(base / "masks/val/val0.png")
    Image.fromarray(np.zeros((39, 50), np.uint8)).save(base / "masks/train/train0.png")
    with pytest.raises(ValueError, match=r"as train has faults:\n- .*train0.*39 rows"):
        pack_dataset(base, tmp_path / "pack")
    with pytest.raises(ValueError, match=r"as val has faults:\n- .*val0.*holds id 77 \(2000 pixel"):
        pack_dataset(base, tmp_path / "pack", splits=["val"])
    (base / "masks/val/val0.png").unlink()
    with pytest.raises(ValueError, match="without a file of the same name"):
        pack_dataset(base, tmp_path / "pack", splits=["val"])
    assert {path.name for path in tmp_path.iterdir()} == {"mixed"}


def test_what_cannot_be_packed(root, pack, tmp_path):
    with pytest.raises(ValueError, match="is packed already"):
        pack_dataset(pack, tmp_path / "out")
    with pytest.raises(ValueError, match="is inside the data set"):
        pack_dataset(root, root / "shards")
    with pytest.raises(ValueError, match="exists already"):
        pack_dataset(root, pack)
    with pytest.raises(ValueError, match="it should be the images of the split 'trian'"):
        pack_dataset(root, tmp_path / "out", splits=["trian"])
    assert not (tmp_path / "out").exists()


def test_which_layout_and_split(pack):
    with pytest.raises(ValueError, match="was packed as folder, not camvid"):
        open_dataset(str(pack), "train", "camvid")
    assert open_dataset(str(pack), "train", "folder").names[0] == "train4"
    with pytest.raises(ValueError, match=r"there is no split 'test'\. There are train, val"):
        open_dataset(str(pack), "test")
