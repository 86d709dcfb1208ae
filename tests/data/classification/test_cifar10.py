"""CIFAR-10 in every form it comes in reads as the same images."""

from __future__ import annotations

import hashlib
import pickle
import types

import numpy as np
import pytest
from PIL import Image

from contextseg.data import cifar10
from contextseg.data.classification.cifar10 import read_cifar10


def planes(images):
    return images.transpose(0, 3, 1, 2).reshape(len(images), -1)


@pytest.fixture
def content():
    rng = np.random.default_rng(0)
    train = rng.integers(0, 256, (20, 32, 32, 3), np.uint8)
    test = rng.integers(0, 256, (4, 32, 32, 3), np.uint8)
    return {"train": (train, np.arange(20) % 10), "test": (test, np.array([3, 1, 9, 0]))}


def batches(content):
    images, labels = content["train"]
    for number in range(5):
        part = slice(4 * number, 4 * number + 4)
        yield f"data_batch_{number + 1}", images[part], labels[part]
    yield "test_batch", *content["test"]


@pytest.mark.parametrize("inside", ["", "cifar-10-batches-py"])
def test_python_files(content, tmp_path, inside):
    folder = tmp_path / inside
    folder.mkdir(exist_ok=True)
    for name, images, labels in batches(content):
        values = {b"data": planes(images), b"labels": labels.tolist(), b"batch_label": b"x"}
        (folder / name).write_bytes(pickle.dumps(values, protocol=2))
    check(content, tmp_path)


def test_binary_files(content, tmp_path):
    for name, images, labels in batches(content):
        rows = np.column_stack([labels.astype(np.uint8), planes(images)])
        (tmp_path / f"{name}.bin").write_bytes(rows.tobytes())
    check(content, tmp_path)
    (tmp_path / "data_batch_3.bin").write_bytes(b"half")
    with pytest.raises(ValueError, match=r"data_batch_3\.bin: not a batch of CIFAR-10: 4 bytes"):
        read_cifar10(tmp_path, "train")
    (tmp_path / "data_batch_3.bin").unlink()
    with pytest.raises(ValueError, match=r"data_batch_3\.bin: the file is missing"):
        read_cifar10(tmp_path, "train")


def test_compact_form(content, tmp_path, monkeypatch):
    monkeypatch.setattr(cifar10, "SHEET", (2, 6))
    (tmp_path / "images").mkdir()
    arrays = {}
    for split, (images, labels) in content.items():
        arrays[f"{split}_labels"] = labels.astype(np.uint8)
        arrays[f"{split}_exact"] = labels != 3
        for number, start in enumerate(range(0, len(images), 12)):
            sheet = np.zeros((12, 32, 32, 3), np.uint8)
            part = images[start : start + 12]
            sheet[: len(part)] = part
            pixels = sheet.reshape(2, 6, 32, 32, 3).swapaxes(1, 2).reshape(64, 192, 3)
            path = tmp_path / "images" / f"{split}_{number:02d}.webp"
            Image.fromarray(pixels).save(path, lossless=True)
    np.savez(tmp_path / "labels.npz", **arrays)
    check(content, tmp_path)
    assert read_cifar10(tmp_path, "test").exact.tolist() == [False, True, True, True]


def check(content, root):
    for split, (images, labels) in content.items():
        data = read_cifar10(root, split)
        assert np.array_equal(data.images, images)
        assert data.labels.tolist() == labels.tolist()
        assert data.labels.dtype == np.int64
    assert data.classes.names[3] == "cat"


def test_held_out_images_are_the_last_of_the_training_set(content, tmp_path, monkeypatch):
    monkeypatch.setattr(cifar10, "HELD_OUT", 6)
    test_binary = batches(content)
    for name, images, labels in test_binary:
        rows = np.column_stack([labels.astype(np.uint8), planes(images)])
        (tmp_path / f"{name}.bin").write_bytes(rows.tobytes())
    images, labels = content["train"]
    assert np.array_equal(read_cifar10(tmp_path, "train45").images, images[:14])
    assert read_cifar10(tmp_path, "val").labels.tolist() == labels[14:].tolist()
    with pytest.raises(ValueError, match="no split 'dev'; there are train, test, train45, val"):
        read_cifar10(tmp_path, "dev")


def test_a_pickle_that_would_run_code_is_refused(tmp_path):
    class Evil:
        def __reduce__(self):
            return types.SimpleNamespace, ()

    (tmp_path / "test_batch").write_bytes(pickle.dumps({b"data": Evil()}))
    with pytest.raises(ValueError, match=r"test_batch: not a batch of CIFAR-10: it calls"):
        read_cifar10(tmp_path, "test")


def test_no_cifar_is_said_so(tmp_path):
    with pytest.raises(ValueError, match="no CIFAR-10 here"):
        read_cifar10(tmp_path, "test")


@pytest.mark.shared
def test_the_shared_copy_has_the_published_pixels(shared_data):
    data = read_cifar10(shared_data / "cifar10", "test")
    digest = hashlib.sha256(data.images.tobytes()).hexdigest()
    assert digest == "4674ac8c77f372061aaf9216c8857c99599d5df0bb9f6b16a3de613ef8eb348a"
    assert (~data.exact).sum() == 23
