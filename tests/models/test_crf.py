"""A CRF behind a network: built, trained, saved, described, and refused by exports."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

import contextseg
from contextseg.config import CRFConfig, OptimConfig
from contextseg.config.io import from_dict, to_dict
from contextseg.data.classes import Classes
from contextseg.losses import SegmentationLoss
from contextseg.ops import crf
from contextseg.training.optim import build_optimiser
from contextseg.training.train import train
from contextseg.weights import load_model, save_model
from contextseg.weights.initialise import initialise
from tests.training.tiny import tiny, write_data

CRF_RNN = CRFConfig(train_iterations=2, iterations=3, compatibility="learned")
LOCAL = CRFConfig(train_iterations=1, iterations=1, reach=2, stride=4, position=8)


def small(options: CRFConfig, **more: object):
    torch.manual_seed(0)
    more = {"backbone": "test_resnet", "num_classes": 3, "head_channels": 16, **more}
    return contextseg.create_model("fcn", aux_channels=8, crf=options, **more)


def test_the_layer_is_the_op_on_pixels_of_0_to_255():
    model = small(replace(CRF_RNN, reach=9)).eval()
    torch.nn.init.normal_(model.head[1].weight)
    plain = small(CRFConfig()).eval()
    plain.load_state_dict(model.state_dict(), strict=False)
    pixels = 255 * torch.rand(2, 3, 40, 48)
    mean, std = (torch.tensor(each).view(3, 1, 1) for each in model.config.normalisation)
    image = (pixels / 255 - mean) / std
    logits = plain(image).logits
    with torch.no_grad():
        model.crf.weights.add_(torch.rand(2, 3))
        model.crf.compatibility.add_(torch.rand(3, 3))
        options = {"weights": model.crf.weights, "compatibility": model.crf.compatibility}
        output = model(image)
        torch.testing.assert_close(
            output.coarse_logits, crf(logits, pixels, iterations=3, reach=9, **options),
            rtol=1e-4, atol=1e-4,
        )  # fmt: skip
    assert output.coarse_logits.shape == output.logits.shape == (2, 3, 40, 48)


def test_at_a_stride_widths_shrink_with_the_image():
    model = small(LOCAL).eval()
    image = torch.randn(1, 3, 45, 67)
    output = model(image)
    assert output.coarse_logits.shape == (1, 3, 12, 17)
    assert output.logits.shape == (1, 3, 45, 67)
    with torch.no_grad():
        head = small(replace(LOCAL, train_iterations=0)).eval()(image).coarse_logits
        reduced = F.interpolate(image, (12, 17), mode="bilinear", antialias=True)
        expected = crf(
            F.interpolate(head, (12, 17), mode="bilinear"),
            reduced * model.crf.std + model.crf.mean,
            weights=(2.0, 1.0), iterations=1, reach=2, position=2, spread=0.75,
        )  # fmt: skip
    torch.testing.assert_close(output.coarse_logits, expected)


@pytest.mark.parametrize("options", [CRF_RNN, LOCAL], ids=["CRF-RNN", "local"])
def test_a_step_trains_what_is_before_it_and_its_own_weights(options):
    model = small(options)
    image, labels = torch.randn(2, 3, 40, 48), torch.randint(3, (2, 40, 48))
    with torch.autocast("cpu", torch.bfloat16):
        output = model(image, labels)
    assert output.coarse_logits.dtype == torch.float32
    SegmentationLoss.from_config(model.config)(output, labels)["total"].backward()
    assert [name for name, p in model.named_parameters() if p.grad is None] == []
    assert all(p.grad.isfinite().all() for p in model.parameters())
    assert all(p.grad.abs().sum() > 0 for p in model.crf.parameters())
    before = [p.detach().clone() for p in model.crf.parameters()]
    optimiser = build_optimiser(model, OptimConfig(lr=0.01, weight_decay=0.1))
    decays = {id(p): g["weight_decay"] for g in optimiser.param_groups for p in g["params"]}
    assert {decays[id(p)] for p in model.crf.parameters()} == {0.0}
    optimiser.step()
    assert all(
        not torch.equal(p, old) for p, old in zip(model.crf.parameters(), before, strict=True)
    )


@pytest.mark.slow
def test_a_run_trains_it_and_its_file_predicts_the_same(tmp_path):
    write_data(tmp_path / "data")
    config = tiny(tmp_path / "data", tmp_path / "run", epochs=1)
    config = replace(config, model=replace(config.model, crf=replace(CRF_RNN, stride=2)))
    train(config, progress=False)
    predictor = contextseg.load(tmp_path / "run", device="cpu")
    layer = predictor.model.crf
    assert not torch.equal(layer.weights, torch.tensor([[2.0], [1.0]]).expand_as(layer.weights))
    assert not torch.equal(layer.compatibility.diagonal(), torch.zeros(len(layer.compatibility)))
    assert "crf" in str(predictor.model.info())
    predictor.crf = CRFConfig()
    with pytest.raises(ValueError, match="trained with a CRF of its own"):
        predictor.segment(torch.zeros(3, 48, 64, dtype=torch.uint8))


def test_files_and_configs(tmp_path):
    model = small(CRF_RNN).eval()
    save_model(tmp_path / "model.safetensors", model, Classes.numbered(3))
    loaded, _ = load_model(tmp_path)
    image = torch.randn(1, 3, 40, 48)
    assert torch.equal(loaded(image).coarse_logits, model(image).coarse_logits)
    assert from_dict(type(model.config), to_dict(model.config)) == model.config
    with pytest.raises(ValueError, match=r"crf.stride must be between 1 and 32, got 0"):
        from_dict(type(model.config), {"crf": {"stride": 0}})


def test_it_joins_a_trained_model_and_takes_other_classes(tmp_path):
    save_model(tmp_path / "plain.safetensors", small(CRFConfig()), Classes.numbered(3))
    left = initialise(small(CRF_RNN), tmp_path / "plain.safetensors")
    assert left == ["crf.weights", "crf.compatibility"]
    save_model(tmp_path / "crf.safetensors", small(CRF_RNN), Classes.numbered(3))
    left = initialise(small(CRF_RNN, num_classes=5), tmp_path / "crf.safetensors")
    assert {"crf.weights", "crf.compatibility", "head.1.weight"} <= set(left)


@pytest.mark.slow
def test_an_export_is_refused_and_one_without_it_is_not(tmp_path):
    predictor = contextseg.inference.predictor.Predictor(
        small(CRF_RNN), Classes.numbered(3), device="cpu"
    )
    with pytest.raises(ValueError, match=r"ends in a CRF .*predictor.model.crf = None"):
        contextseg.export(predictor, tmp_path / "model.pt2")
    assert list(tmp_path.iterdir()) == []
    save_model(tmp_path / "model.safetensors", small(CRF_RNN), Classes.numbered(3))
    with pytest.raises(ValueError, match="ends in a CRF"):
        contextseg.export(tmp_path / "model.safetensors", tmp_path / "model.pt2")
    predictor.model.crf = None
    report = contextseg.export(predictor, tmp_path / "model.pt2", size=(32, 32))
    assert report.verification.agreement > 0.99
