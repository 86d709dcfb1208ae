"""Gradient checkpointing, compilation and device as options of a run."""

from __future__ import annotations

import os
import signal

import pytest
import torch
from safetensors.torch import load_file

from contextseg.config import OptimConfig, TrainConfig
from contextseg.config.classification import ClassifierTrainConfig
from contextseg.inference.predictor import choose_device
from contextseg.training import compilation
from contextseg.training.callbacks.monitor import Progress
from contextseg.training.train import train
from tests.training.tiny import tiny


@pytest.mark.slow
def test_checkpointed_gradients_change_no_bit_of_a_run(data, tmp_path):
    for name, checkpointing in (("plain", False), ("less", True)):
        config = tiny(data, tmp_path / name, ema_decay=0.9, accumulate=2,
                      gradient_checkpointing=checkpointing)  # fmt: skip
        train(config, progress=False)
    for file in ("last.safetensors", "model.safetensors"):
        one, other = load_file(tmp_path / "plain" / file), load_file(tmp_path / "less" / file)
        assert all(torch.equal(one[name], other[name]) for name in one)
    logs = [(tmp_path / name / "scores.json").read_text() for name in ("plain", "less")]
    assert logs[0] == logs[1]


@pytest.mark.slow
def test_a_run_with_lion_and_layer_decay_resumes_to_the_last_bit(data, tmp_path):
    optim = OptimConfig(name="lion", lr=1e-4, layer_decay=0.8)

    def stop(progress: Progress) -> None:
        if progress.batch == 5:
            os.kill(os.getpid(), signal.SIGTERM)

    whole, parts = (tiny(data, tmp_path / name, optim=optim) for name in ("whole", "parts"))
    train(whole, progress=False)
    assert train(parts, progress=False, watch=stop).interrupted
    train(parts, resume=True, progress=False)
    one, other = (load_file(tmp_path / name / "last.safetensors") for name in ("whole", "parts"))
    assert all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize(("options", "compiled"), [
    ({"compile": False}, False),
    ({"compile": True, "precision": "32"}, True),
    ({"compile": True, "precision": "bf16"}, False),  # on a CPU, its gradients were NaN
])  # fmt: skip
def test_the_backbone_is_compiled_where_it_works(data, tmp_path, monkeypatch, options, compiled):
    seen = []
    monkeypatch.setattr(compilation, "can_compile", lambda device: True)
    monkeypatch.setattr(torch.nn.Module, "compile", lambda self: seen.append(type(self).__name__))
    train(tiny(data, tmp_path / "run", epochs=1, **options), progress=False)
    assert seen == (["Backbone"] if compiled else [])


def test_without_a_compiler_a_run_goes_on(data, tmp_path, monkeypatch, caplog):
    monkeypatch.setattr("contextseg.system.compiler.why_not_compiled", lambda device: "no compiler")
    result = train(tiny(data, tmp_path / "run", epochs=1, compile=True), progress=False)
    assert result.steps == 4
    assert "compile: no compiler; continuing without compilation" in caplog.text


@pytest.mark.parametrize("config", [TrainConfig, ClassifierTrainConfig])
def test_options_that_exclude_each_other(config):
    with pytest.raises(ValueError, match="compile and gradient_checkpointing exclude each other"):
        config(compile=True, gradient_checkpointing=True)


def test_an_apple_gpu_is_accepted_where_pytorch_has_one(data, tmp_path, monkeypatch):
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert choose_device("mps").type == "mps"
    assert TrainConfig(device="mps").device == "mps"
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    with pytest.raises(ValueError, match="device mps requested, but PyTorch finds no Apple GPU"):
        train(tiny(data, tmp_path / "run", device="mps"), progress=False)
    assert choose_device("auto").type in ("cpu", "cuda")
