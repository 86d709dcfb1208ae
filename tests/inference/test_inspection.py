"""What the network saw: equal to its predictions, and to the formulas of the papers."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F

import contextseg
from contextseg.context.encoding import Encoding
from contextseg.data.classes import Classes
from contextseg.inference.inspection import Inspection
from contextseg.inference.predictor import Predictor
from contextseg.ops import encode, soft_assignment

L = 5
OPTIONS = {
    "encnet": {"num_codewords": 4},
    "cpnet": {"prior_grid": (8, 8)},
    "fcn": {},
}


def predictor(name: str, **options) -> Predictor:
    torch.manual_seed(0)
    model = contextseg.create_model(
        name, backbone="resnet10t", num_classes=L, head_channels=16, **OPTIONS[name], **options
    )
    for module in model.modules():  # gates and statistics that say something
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.bias, -0.5, 0.5)
    return Predictor(model.eval(), Classes.numbered(L), device="cpu")


def picture(height=75, width=110) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)


@pytest.mark.parametrize("name", OPTIONS)
@pytest.mark.parametrize("align_corners", [False, True])
def test_labels_are_those_of_the_prediction(name, align_corners):
    looking, image = predictor(name, align_corners=align_corners), picture()
    found = looking.inspect(image)
    expected = looking.segment(image)
    assert np.array_equal(found.labels(), expected.labels.numpy())
    assert np.array_equal(found.mask(), looking(image).mask)
    assert found.confidence().shape == image.shape[:2]
    assert found.confidence() == pytest.approx(looking.probabilities(image).amax(0), abs=1e-6)
    if name == "encnet":
        assert found.presence_logits.double() == pytest.approx(expected.presence_logits, abs=1e-6)
    else:
        assert found.presence_logits is None


def test_classes_that_are_not_ticked_are_not_found():
    found = predictor("fcn").inspect(picture(64, 96))
    some = [1, 3]
    volume = F.interpolate(found.coarse_logits[None], found.canvas, mode="bilinear")
    expected = np.array(some)[volume[0, some, :64, :96].argmax(0)]
    assert np.array_equal(found.labels(some), expected)
    assert np.array_equal(found.labels([3, 1, 3]), expected)
    assert (found.labels([2]) == 2).all()
    assert (found.confidence([2]) == 1).all()
    for wrong in ([], [5], [-1, 2]):
        with pytest.raises(ValueError, match="ticked must name one or more labels in 0 to 4"):
            found.labels(wrong)


@pytest.mark.parametrize("variant", ["paper", "reference"])
def test_gates_and_codewords_follow_the_formula(variant):
    looking = predictor("encnet", variant=variant)
    found = looking.inspect(picture())
    module = looking.model.context.encoding
    with torch.no_grad():
        projected = module.projection(found.features[None])
        encoders = module.norm(module.encoding(projected))
        gates = torch.sigmoid(module.scaling(encoders.relu().mean(1)))[0]
    assert found.gates == pytest.approx(gates, abs=1e-6)
    scaled = found.features * found.gates[:, None, None]
    expected = scaled if variant == "paper" else (found.features + scaled).relu()
    assert found.gated == pytest.approx(expected, abs=1e-6)
    pixels = projected[0].flatten(1).T.double()
    distances = torch.cdist(pixels, module.encoding.codewords.detach().double()).square()
    weights = (-module.encoding.smoothing.detach().double() * distances).softmax(1)
    assert found.assignment.flatten(1).T.double() == pytest.approx(weights, abs=1e-6)
    assert found.assignment.sum(0) == pytest.approx(
        torch.ones(found.assignment.shape[1:]), abs=1e-5
    )


def test_without_codewords_there_is_no_assignment():
    model = contextseg.create_model(
        "encnet", backbone="resnet10t", num_classes=L, head_channels=16, num_codewords=0
    )
    found = Predictor(model.eval(), Classes.numbered(L), device="cpu").inspect(picture(64, 64))
    assert found.assignment is None
    assert found.gates.shape == (16,)


def test_contexts_of_the_prior_are_there():
    found = predictor("cpnet").inspect(picture(64, 64))
    assert found.prior.size == found.prior.grid
    dense = found.prior.dense()[0]  # [N, M]
    row = found.prior.row(1, 2)[0]
    assert row.flatten() == pytest.approx(dense[1 * found.prior.size[1] + 2], abs=1e-6)
    values = predictor("cpnet").model
    with torch.no_grad():
        stages = values.backbone(network_input_of(values, found.image))
        aggregated, _ = values.context.aggregation(stages.c5)
    gathered = dense @ aggregated[0].flatten(1).T / dense.shape[1]
    assert pytest.approx(gathered, abs=1e-5) == found.contexts["intra"].flatten(1).T
    assert set(found.contexts) == {"intra", "inter"}


def network_input_of(model, image):
    from contextseg.data.normalise import pixel_statistics

    statistics = pixel_statistics(model.config.normalisation, torch.device("cpu"))
    pixels = torch.from_numpy(image).permute(2, 0, 1).float()
    return ((pixels - statistics.mean.view(3, 1, 1)) / statistics.std.view(3, 1, 1))[None]


def test_large_images_are_reduced_and_answered_at_their_own_size():
    looking = predictor("encnet")
    looking.max_pixels = 64 * 96
    found = looking.inspect(picture(256, 384))
    assert found.labels().shape == (256, 384)
    assert found.coarse_logits.shape[1:] == (64 // 8, 96 // 8)
    assert found.canvas == (256, 384)


def test_hooks_do_not_stay_and_nothing_needs_a_gradient():
    looking = predictor("encnet")
    found = looking.inspect(picture(64, 64))
    assert not looking.model.context.encoding._forward_hooks
    assert not any(
        value.requires_grad for value in vars(found).values() if isinstance(value, torch.Tensor)
    )
    assert repr(found) == (
        "Inspection(64 x 64: 5 classes on 8 x 8; presence_logits, gates, assignment)"
    )


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
def test_soft_assignment_is_what_encode_uses(dtype):
    torch.manual_seed(0)
    features = torch.randn(2, 70, 6, dtype=torch.float64).to(dtype)
    codewords, smoothing = torch.randn(3, 6).to(dtype), torch.rand(3).to(dtype)
    weights = soft_assignment(features, codewords, smoothing)
    assert weights.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
    x, d, s = (t.double() for t in (features, codewords, smoothing))
    expected = (-s * (x[:, :, None] - d).square().sum(-1)).softmax(-1)
    assert weights.double() == pytest.approx(
        expected, abs=1e-12 if dtype == torch.float64 else 1e-5
    )
    residuals = (weights[..., None].double() * (x[:, :, None] - d)).sum(1)
    assert encode(x, d, s) == pytest.approx(residuals, abs=1e-3)


def test_assignment_uses_the_stored_factors_even_where_training_draws_them():
    torch.manual_seed(0)
    layer = Encoding(6, 3, smoothing="drawn").train()
    maps = torch.randn(1, 6, 4, 5)
    expected = soft_assignment(maps.flatten(2).mT, layer.codewords, torch.full((3,), 0.5))
    assert layer.assignment(maps) == pytest.approx(expected.mT.unflatten(2, (4, 5)))


def test_an_exported_file_cannot_be_looked_into(monkeypatch):
    from contextseg.inference import predictor as module

    looking = predictor("fcn")
    monkeypatch.setattr(module, "ExportedModel", type(looking.model))
    monkeypatch.setattr(type(looking.model), "engine", "ONNX Runtime", raising=False)
    with pytest.raises(ValueError, match="load the model that was exported"):
        looking.inspect(picture(64, 64))


def test_an_inspection_of_any_network_has_its_logits():
    from tests.inference.fakes import colour_predictor

    found = colour_predictor().inspect(picture(64, 64))
    assert isinstance(found, Inspection)
    assert found.gates is None
    assert found.prior is None
