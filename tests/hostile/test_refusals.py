"""What Python functions say of hostile values: `ValueError`, short, before anything is built."""

from __future__ import annotations

import re
import zipfile
from dataclasses import fields, is_dataclass
from typing import get_type_hints

import numpy as np
import pytest
import torch

import contextseg
from contextseg.config import (
    CLASSIFIERS,
    MODELS,
    ClassifierTrainConfig,
    ModelConfig,
    TrainConfig,
)
from contextseg.config.classification import ClassifierConfig
from contextseg.config.io import from_dict, read_yaml
from contextseg.config.marks import BOUNDS
from contextseg.config.yaml_text import load_yaml
from contextseg.data.classification.datasets import open_labelled
from contextseg.system.excerpts import VALUE, abridged, excerpt
from contextseg.system.json_text import load_json
from contextseg.system.weight_files import read_weights
from contextseg.training.checkpoint_file import read_checkpoint
from contextseg.weights import fitting
from tests.hostile import checkpoints, models, texts

FREE = {"seed", "mean", "std", "output_stride"}
"""Numbers that take neither memory nor time, and one that is 8, 16 or 32."""


def numbers(config: object) -> set[tuple[type, str]]:
    """Fields of a config and its parts that hold numbers."""
    found = set()
    for field in fields(config):  # pyright: ignore[reportArgumentType]
        value, hint = getattr(config, field.name), get_type_hints(type(config))[field.name]
        if is_dataclass(value):
            found |= numbers(value)
        elif re.search(r"\b(int|float)\b", str(hint)):
            found.add((type(config), field.name))
    return found


def test_every_number_has_bounds():
    configs = [TrainConfig(model=ModelConfig(context=kind())) for kind in MODELS.values()]
    configs += [
        ClassifierTrainConfig(model=ClassifierConfig(network=kind()))  # pyright: ignore[reportArgumentType]
        for kind in CLASSIFIERS.values()
    ]
    every = {number for config in configs for number in numbers(config)}
    assert len(every) > 60
    marked = {(cls, f.name) for cls, _ in every for f in fields(cls) if BOUNDS in f.metadata}
    assert {name for _, name in every - marked} == FREE


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("fcn", {"num_convs": 10**7}, "num_convs must be between 1 and 64, got 10000000"),
        ("fcn", {"head_channels": 10**7}, "head_channels must be between 1 and 8192"),
        ("pspnet", {"bins": (1,) * 10**5}, "bins must hold 1 to 16 numbers, got 100000"),
        ("pspnet", {"bins": (10**5,)}, "bins must be between 1 and 64, got 100000"),
        ("deeplabv3", {"rates": ()}, "rates must hold 1 to 16 numbers, got 0"),
        ("encnet", {"num_codewords": 10**9}, "num_codewords must be between 0 and 4096"),
        ("cpnet", {"prior_grid": (10**5, 10**5)}, "prior_grid must be between 1 and 512"),
        ("resnet14", {"width": 10**6}, "width must be between 1 and 1024"),
    ],
)
def test_create_model_takes_no_such_number(name, options, message):
    with pytest.raises(ValueError, match=message):
        contextseg.create_model(name, num_classes=3, **options)


@pytest.mark.parametrize("name", ["backbone", "in-bounds-all", "convolutions", "nested"])
def test_a_model_is_compared_before_memory_is_taken_for_it(name, tmp_path, monkeypatch):
    path = models.model_file(tmp_path / "m.safetensors", *models.MODELS[name])
    devices = []

    def create(config):
        devices.append(torch.empty(0).device.type)
        return contextseg.create_model(config)

    monkeypatch.setattr(fitting, "create_model", create)
    with pytest.raises(ValueError, match=r"m\.safetensors") as caught:
        contextseg.load(path)
    assert len(str(caught.value)) < 4500
    assert set(devices) <= {"meta"}
    if name == "backbone":
        assert devices == ["meta"]


@pytest.mark.parametrize("text", texts.YAML.values(), ids=texts.YAML)
def test_yaml_is_refused(text, tmp_path):
    path = tmp_path / "run.yaml"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"run\.yaml") as caught:
        read_yaml(path, TrainConfig)
    assert len(str(caught.value)) < 4500


def test_a_few_aliases_are_fine():
    text = "a: &a [1, 2]\nb: {c: *a, d: [*a, *a]}\n<<: {e: 1}\n"
    assert load_yaml(text) == {"a": [1, 2], "b": {"c": [1, 2], "d": [[1, 2]] * 2}, "e": 1}
    assert load_yaml("# nothing\n") is None


@pytest.mark.parametrize("levels", [33, 900, 10**5])
def test_nested_json_is_refused(levels):
    with pytest.raises(ValueError, match="nests more than 32 levels deep"):
        load_json(models.nested(levels))
    with pytest.raises(ValueError, match="nests more than 32 levels deep"):
        load_json('{"a":' * levels + "1" + "}" * levels)
    assert load_json(models.nested(20)) is not None


@pytest.mark.parametrize(
    "name", [n for n in checkpoints.CHECKPOINTS if n not in ("deflated", "deflated_pickle")]
)
def test_every_reader_of_checkpoints_refuses(name, tmp_path):
    path, mark = tmp_path / "hostile.pth", tmp_path / "RAN"
    checkpoints.CHECKPOINTS[name](path, mark)
    backbone = {"backbone": "test_resnet", "num_classes": 3, "pretrained": str(path)}
    for read in (
        lambda: contextseg.convert(path, tmp_path / "out.safetensors"),
        lambda: contextseg.create_model("fcn", **backbone),
        lambda: contextseg.create_model("deepten", **backbone),
        lambda: read_checkpoint(path),
        lambda: contextseg.load(path),
    ):
        with pytest.raises(ValueError, match=r"hostile\.pth") as caught:
            read()
        assert len(str(caught.value)) < 1500
    assert not mark.exists()
    assert not (tmp_path / "out.safetensors").exists()


@pytest.mark.parametrize("zipped", [True, False])
def test_honest_checkpoints_are_read(zipped, tmp_path):
    content = {"a": torch.arange(6.0).view(2, 3), "steps": 3, "names": ["x", {"y": (1, None)}]}
    torch.save(content, tmp_path / "a.pth", _use_new_zipfile_serialization=zipped)
    found = read_weights(tmp_path / "a.pth", mapped=zipped)
    assert torch.equal(found.pop("a"), content.pop("a"))
    assert found == content


def test_labels_of_cifar10_are_neither_unpickled_nor_unpacked_to_gigabytes(tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "test_00.webp").touch()
    labels = tmp_path / "labels.npz"
    np.savez(labels, test_labels=np.array([checkpoints.Touch(tmp_path / "RAN")], object))
    with pytest.raises(ValueError, match=r"labels\.npz: not the labels .*allow_pickle"):
        open_labelled(tmp_path, "test")
    with zipfile.ZipFile(labels, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("test_labels.npy", bytes(2 * 10**7))
    with pytest.raises(ValueError, match=r"labels\.npz: .* far larger"):
        open_labelled(tmp_path, "test")
    labels.write_bytes(b"nothing of the kind")
    with pytest.raises(ValueError, match=r"labels\.npz: not the labels"):
        open_labelled(tmp_path, "test")
    assert not (tmp_path / "RAN").exists()


def test_messages_quote_little():
    assert excerpt([1, "a", {"b": (2.5, None)}]) == repr([1, "a", {"b": (2.5, None)}])
    deep: object = []
    for _ in range(10**5):
        deep = [deep]
    for value in (deep, "x" * 10**6, list(range(10**6)), 10**6000, {f"k{n}": n for n in range(99)}):
        assert len(excerpt(value)) < VALUE + 50
    assert abridged("short") == "short"
    assert abridged("x" * 5000).endswith("(5000 characters in all)")
    with pytest.raises(ValueError, match="got") as caught:
        from_dict(TrainConfig, {"epochs": "9" * 10**6})
    assert len(str(caught.value)) < 500


def test_the_command_line_cuts_whatever_it_reports(capsys, monkeypatch):
    from contextseg.cli import models as command
    from contextseg.cli.__main__ import main

    def fail(_):
        raise ValueError("y" * 10**6)

    monkeypatch.setattr(command, "main", fail)
    assert main(["models"]) == 2
    assert len(capsys.readouterr().err) < 4200
