"""What holds for every segmentation model; a new one joins by its name alone."""

from __future__ import annotations

import pytest
import torch

import contextseg
from contextseg.config import LossConfig
from contextseg.data.classes import Classes
from contextseg.inference.predictor import Predictor
from contextseg.losses import SegmentationLoss
from contextseg.weights import load_model, save_model


def small(name: str, backbone: str = "test_resnet"):
    return contextseg.create_model(name, backbone=backbone, num_classes=3, head_channels=16,
                                   aux_channels=8)  # fmt: skip


@pytest.mark.parametrize("name", contextseg.list_models("segmentation"))
class TestEveryModel:
    def test_one_image_of_odd_size_trains_in_bfloat16(self, name):
        model = small(name)
        with torch.autocast("cpu", torch.bfloat16):
            out = model(torch.randn(1, 3, 200, 333))
        assert out.logits.shape == out.aux_logits.shape == (1, 3, 200, 333)
        loss = SegmentationLoss(model.config, LossConfig())
        loss(out, torch.randint(0, 3, (1, 200, 333)))["total"].backward()
        grads = {n: p.grad for n, p in model.named_parameters()}
        assert [n for n, grad in grads.items() if grad is None] == []
        assert all(torch.isfinite(grad).all() for grad in grads.values())

    def test_what_is_read_back_predicts_to_the_bit(self, name, tmp_path):
        model, classes = small(name), Classes.numbered(3)
        save_model(tmp_path / "model.safetensors", model, classes)
        image = torch.randint(0, 256, (50, 77, 3), dtype=torch.uint8).numpy()
        loaded, _ = load_model(tmp_path)
        before, after = (Predictor(m, classes, "cpu").probabilities(image) for m in (model, loaded))
        assert after.shape == (3, 50, 77)
        assert torch.equal(before, after)

    def test_compiles_whole(self, name):
        model = small(name).eval()
        image = torch.randn(1, 3, 64, 96)
        compiled = torch.compile(model, backend="aot_eager", fullgraph=True)
        torch.testing.assert_close(compiled(image).coarse_logits, model(image).coarse_logits)
