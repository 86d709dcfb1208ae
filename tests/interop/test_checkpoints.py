"""Checkpoint files: what is read, what is replaced by something inert, what is refused."""

from __future__ import annotations

import collections
import os
import pickle
import sys
import types

import numpy as np
import pytest
import torch

from contextseg.interop.checkpoints import read_checkpoint

WEIGHTS = {"backbone.a": torch.arange(3.0), "decode_head.b": torch.ones(2)}


class HistoryBuffer:
    """As mmengine 0.10 writes it: a log of losses with a table of bound functions."""

    def __init__(self) -> None:
        self._max_length = 10
        self._log_history = np.array([np.float64(0.5), 0.25])
        self._statistics_methods = {"mean": HistoryBuffer.mean}

    def mean(self) -> float:
        return float(self._log_history.mean())


@pytest.fixture
def mmengine_file(tmp_path, monkeypatch):
    """A checkpoint with mmengine's message hub, while there is no mmengine to read it with."""
    module = types.ModuleType("mmengine.logging.history_buffer")
    monkeypatch.setattr(HistoryBuffer, "__module__", module.__name__)
    monkeypatch.setattr(module, "HistoryBuffer", HistoryBuffer, raising=False)
    for name in ("mmengine", "mmengine.logging", module.__name__):
        monkeypatch.setitem(
            sys.modules, name, module if name == module.__name__ else types.ModuleType(name)
        )
    hub = {"log_scalars": {"train/loss": HistoryBuffer()}, "runtime_info": {"iter": np.int64(20)}}
    content = {
        "state_dict": collections.OrderedDict(WEIGHTS),
        "message_hub": hub,
        "meta": {"dataset_meta": {"classes": ("wall", "sky"), "palette": [[1, 2, 3], [4, 5, 6]]}},
    }
    path = tmp_path / "iter_20.pth"
    torch.save(content, path)
    for name in ("mmengine", "mmengine.logging", module.__name__):
        monkeypatch.delitem(sys.modules, name)
    return path


def test_a_checkpoint_of_mmengine_is_read_without_mmengine(mmengine_file):
    with pytest.raises(pickle.UnpicklingError):
        torch.load(mmengine_file, weights_only=True)
    checkpoint = read_checkpoint(mmengine_file)
    assert list(checkpoint.state) == list(WEIGHTS)
    assert torch.equal(checkpoint.state["backbone.a"], WEIGHTS["backbone.a"])
    assert checkpoint.classes is not None
    assert checkpoint.classes.names == ["wall", "sky"]
    assert "mmengine" not in sys.modules


class Evil:
    def __reduce__(self):
        return os.system, ("touch pwned",)


def test_code_in_a_pickle_is_refused_and_not_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    content = {"state_dict": WEIGHTS, "meta": Evil()}
    torch.save(content, tmp_path / "archive.pth")
    with pytest.raises(ValueError, match=r"holds more than weights: it calls .*system"):
        read_checkpoint(tmp_path / "archive.pth")
    (tmp_path / "plain.pth").write_bytes(pickle.dumps(content))
    with pytest.raises(ValueError, match=r"plain\.pth"):
        read_checkpoint(tmp_path / "plain.pth")
    assert not (tmp_path / "pwned").exists()


@pytest.mark.parametrize("content", [b"", b"no checkpoint", b"PK\x03\x04 half an archive"])
def test_what_is_corrupt_is_refused_in_one_sentence(tmp_path, content):
    for name in ("broken.pth", "broken.safetensors"):
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(ValueError, match=rf"{name}") as caught:
            read_checkpoint(path)
        assert "\n" not in str(caught.value)


def test_a_cut_file_is_refused(tmp_path):
    path = tmp_path / "cut.pth"
    torch.save(WEIGHTS, path)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(ValueError, match=r"cut\.pth is not a complete PyTorch") as caught:
        read_checkpoint(path)
    told = str(caught.value).removeprefix(str(path))
    assert told.endswith(".")
    assert ". " not in told, "one sentence"


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="no checkpoint at"):
        read_checkpoint(tmp_path / "absent.pth")
