"""Training, resuming, scoring and using a classifier."""

from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

import contextseg
from contextseg.cli.__main__ import main
from contextseg.config import OptimConfig
from contextseg.config.classification import (
    ClassifierConfig,
    ClassifierTrainConfig,
    LabelledDataConfig,
)
from contextseg.config.io import read_yaml
from contextseg.config.networks import DeepTENConfig, EncNet14Config
from contextseg.recipes.classification import CLASSIFIER_RECIPES
from contextseg.training.classification import ClassificationTask
from contextseg.training.optim import schedule
from contextseg.training.run_folder import read_log
from tests.training.classifiers import write_cifar10


@pytest.fixture
def cifar(tmp_path):
    return write_cifar10(tmp_path / "cifar")


def tiny(root, out, **options):
    config = ClassifierTrainConfig(
        model=ClassifierConfig(network=EncNet14Config(width=4, num_codewords=2, smoothing="drawn")),
        data=LabelledDataConfig(root=str(root), workers=0),
        optim=OptimConfig(lr=0.1, head_lr_factor=1.0, schedule="cosine"),
        out=str(out),
        epochs=2,
        batch_size=25,
        device="cpu",
        log_every=2,
        checkpoint_every=3,
        ema_decay=0.5,
    )
    return replace(config, **options)


def test_a_run_from_training_to_prediction(cifar, tmp_path, capsys):
    run = tmp_path / "run"
    result = contextseg.train(tiny(cifar, run, label_smoothing=0.1), progress=False)
    assert result.steps == 8
    log = read_log(run / "metrics.csv")
    assert [row["step"] for row in log if "val/error" in row] == [4, 8]
    assert result.scores.error == pytest.approx(
        [r["val/error"] for r in log if "val/error" in r][-1]
    )
    assert read_yaml(run / "config.yaml", ClassifierTrainConfig).model.num_classes == 10

    scores = contextseg.evaluate(run, str(cifar))
    assert torch.equal(scores.confusion, result.scores.confusion)
    predictor = contextseg.load(run, task="classification")
    photo = tmp_path / "photo.png"
    Image.new("RGB", (60, 40), (200, 200, 200)).save(photo)
    (tmp_path / "broken.png").write_bytes(b"no image")
    found = predictor(photo)
    assert found.name in predictor.classes.names
    assert sum(p for _, p in found.top(10)) == pytest.approx(1)
    assert found.top()[0] == (found.name, pytest.approx(float(found.probabilities.max())))

    code = main(
        ["predict", str(run), str(photo), str(tmp_path / "broken.png"), "-o", str(tmp_path / "o")]
    )
    assert code == 1
    (line,) = (tmp_path / "o" / "predictions.jsonl").read_text().splitlines()
    assert json.loads(line)["class"] == found.name
    report = tmp_path / "scores.json"
    assert main(["evaluate", str(run), str(cifar), "--json", str(report)]) == 0
    assert json.loads(report.read_text())["error"] == pytest.approx(scores.error)
    assert "error" in capsys.readouterr().out
    assert main(["evaluate", str(run), str(cifar), "--scales", "0.5"]) == 2
    with pytest.raises(ValueError, match="for segmentation models, not for classifiers"):
        contextseg.evaluate(run, str(cifar), scales=(0.5, 1.0))
    with pytest.raises(ValueError, match="holds a model for classification"):
        contextseg.load(run, task="segmentation")


@pytest.mark.slow
def test_a_resumed_run_ends_where_one_without_a_break_does(cifar, tmp_path):
    contextseg.train(tiny(cifar, tmp_path / "whole"), progress=False)

    class StopError(Exception):
        pass

    def watch(progress):
        if progress.batch == 4 and not progress.validating:
            raise StopError

    broken = tiny(cifar, tmp_path / "broken")
    with pytest.raises(StopError):
        contextseg.train(broken, progress=False, watch=watch)
    with pytest.raises(FileExistsError, match="holds a run already"):
        contextseg.train(broken, progress=False)
    model = ClassifierConfig(network=replace(broken.model.network, width=8))
    wider = replace(broken, model=model)
    with pytest.raises(ValueError, match=r"model\.network\.width \(4 then, 8 now\)"):
        contextseg.train(wider, resume=True, progress=False)
    result = contextseg.train(broken, resume=True, progress=False)
    assert result.steps == 8
    whole, resumed = (load_file(tmp_path / n / "model.safetensors") for n in ("whole", "broken"))
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)


@pytest.mark.slow
def test_the_best_weights_are_kept_when_asked_for(cifar, tmp_path):
    result = contextseg.train(tiny(cifar, tmp_path / "run", epochs=3, keep="best"), progress=False)
    errors = [
        r["val/error"] for r in read_log(tmp_path / "run" / "metrics.csv") if "val/error" in r
    ]
    assert result.scores.error == pytest.approx(min(errors))
    assert json.loads((tmp_path / "run" / "scores.json").read_text())["settings"]["keep"] == "best"


def test_deep_ten_learns_from_a_folder(tmp_path):
    rng = np.random.default_rng(0)
    for split, count in (("train", 8), ("test", 4)):
        for kind in ("fine", "coarse"):
            for number in range(count):
                side = 32 if kind == "fine" else 4
                pixels = rng.integers(0, 256, (side, side, 3), np.uint8)
                path = tmp_path / "textures" / split / kind / f"{number}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(pixels).resize((32, 32), Image.Resampling.NEAREST).save(path)
    network = DeepTENConfig(backbone="test_resnet", channels=8, num_codewords=4)
    config = tiny(
        tmp_path / "textures", tmp_path / "run", ema_decay=0.0, epochs=8, batch_size=16,
        model=ClassifierConfig(network=network),
        optim=OptimConfig(name="adamw", lr=0.003, head_lr_factor=1.0),
        val_every=8,
    )  # fmt: skip
    result = contextseg.train(config, progress=False)
    assert result.scores.images == 8
    assert result.scores.error <= 0.25


def test_a_run_by_the_command_line(cifar, tmp_path, capsys):
    options = ["--data", str(cifar), "--out", str(tmp_path / "run"), "--model.network.width", "4",
               "--epochs", "1", "--batch_size", "50", "--device", "cpu", "--compile", "false",
               "--model", "resnet14"]  # fmt: skip
    assert main(["train", "encnet14_cifar10_short", *options]) == 0
    out = capsys.readouterr().out
    assert "error" in out
    assert "airplane" in out
    assert (
        read_yaml(tmp_path / "run" / "config.yaml", ClassifierTrainConfig).model.name == "resnet14"
    )
    assert main(["train", str(tmp_path / "run"), "--resume"]) == 2
    assert "is finished" in capsys.readouterr().err
    assert main(["train", "encnet14_cifar10_short", "--model.network.depth", "3"]) == 2
    assert main(["train", "encnet14_cifar10"]) == 2
    assert "no data" in capsys.readouterr().err


@pytest.mark.parametrize("name", CLASSIFIER_RECIPES)
def test_a_recipe_is_a_config_with_a_sentence(name):
    recipe = CLASSIFIER_RECIPES[name]
    assert recipe().out == f"runs/{name}"
    first = (recipe.__doc__ or "").splitlines()[0]
    assert first.endswith((".", ":"))
    assert len(first) <= 90


def test_the_rows_of_the_table_differ_in_their_network_alone():
    for suffix in ("cifar10", "cifar10_short"):
        encnet, others = CLASSIFIER_RECIPES[f"encnet14_{suffix}"](), ("resnet14", "se_resnet14")
        for other in (CLASSIFIER_RECIPES[f"{name}_{suffix}"]() for name in others):
            model = replace(other.model, network=encnet.model.network)
            assert replace(other, out=encnet.out, model=model) == encnet


def test_cosine_schedule_by_hand():
    optimiser = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    rates = schedule(optimiser, OptimConfig(schedule="cosine"), steps=4)
    seen = []
    for _ in range(5):
        seen.append(optimiser.param_groups[0]["lr"])
        optimiser.step()
        rates.step()
    half = 0.5**0.5
    assert seen == pytest.approx([1, (1 + half) / 2, 0.5, (1 - half) / 2, 0])


@pytest.mark.parametrize(
    ("device", "precision", "compiled"),
    [("cpu", "bf16", False), ("cpu", "32", True), ("cuda", "bf16", True)],
)
def test_bfloat16_is_not_compiled_on_a_cpu(monkeypatch, device, precision, compiled):
    monkeypatch.setattr("contextseg.system.compiler.why_not_compiled", lambda _: "")
    config = replace(CLASSIFIER_RECIPES["resnet14_cifar10_short"](), precision=precision)
    assert config.compile
    network = contextseg.create_model("resnet14", num_classes=10, width=4)
    task = SimpleNamespace(config=config)
    trainer = SimpleNamespace(strategy=SimpleNamespace(root_device=torch.device(device)))
    adapted = ClassificationTask.adapt(task, network, trainer)
    assert (adapted._compiled_call_impl is not None) is compiled


def test_without_a_compiler_a_network_is_trained_uncompiled_with_a_line(monkeypatch, caplog):
    monkeypatch.setattr("contextseg.system.compiler.why_not_compiled", lambda _: "there is no gcc")
    config = replace(CLASSIFIER_RECIPES["resnet14_cifar10_short"](), precision="32")
    network = contextseg.create_model("resnet14", num_classes=10, width=4)
    trainer = SimpleNamespace(strategy=SimpleNamespace(root_device=torch.device("cpu")))
    adapted = ClassificationTask.adapt(SimpleNamespace(config=config), network, trainer)
    assert adapted._compiled_call_impl is None
    assert "there is no gcc" in caplog.text
