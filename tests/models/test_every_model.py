"""What holds for every segmentation model; a new one joins by its name alone."""

from __future__ import annotations

import pytest
import torch

import contextseg
from contextseg.config import LossConfig, OptimConfig
from contextseg.data.classes import Classes
from contextseg.inference.predictor import Predictor
from contextseg.losses import SegmentationLoss
from contextseg.training.optim import build_optimiser
from contextseg.weights import load_model, save_model

BACKBONES = ["resnet18", "resnet50c", "mobilenetv3_small_050", "convnext_atto"]
ODD = (45, 67)
"""Rows and columns of an image; small, as some processors take seconds for it in bfloat16."""


class CoarseLogits(torch.nn.Module):
    """A model whose output is a tensor, as exported graphs have it."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, image):
        return self.model(image).coarse_logits


def small(name: str, backbone: str = "test_resnet"):
    return contextseg.create_model(name, backbone=backbone, num_classes=3, head_channels=16,
                                   aux_channels=8)  # fmt: skip


@pytest.mark.parametrize("name", contextseg.list_models("segmentation"))
class TestEveryModel:
    @pytest.mark.parametrize("backbone", BACKBONES)
    def test_one_image_of_odd_size_trains_and_is_predicted_in_bfloat16(self, name, backbone):
        model = small(name, backbone)
        labels = torch.randint(0, 3, (1, *ODD))
        with torch.autocast("cpu", torch.bfloat16):
            out = model(torch.randn(1, 3, *ODD), labels)
        assert out.logits.shape == out.aux_logits.shape == (1, 3, *ODD)
        assert out.logits.dtype == torch.float32
        SegmentationLoss.from_config(model.config, LossConfig())(out, labels)["total"].backward()
        grads = {n: p.grad for n, p in model.named_parameters()}
        assert [n for n, grad in grads.items() if grad is None] == []
        assert all(torch.isfinite(grad).all() for grad in grads.values())
        weight = next(model.head.parameters())
        before = weight.detach().clone()
        build_optimiser(model, OptimConfig(lr=0.01)).step()
        assert not torch.equal(weight, before)
        assert all(torch.isfinite(p).all() for p in model.parameters())
        image = torch.randint(0, 256, (*ODD, 3), dtype=torch.uint8).numpy()
        predicted = Predictor(model, Classes.numbered(3), "cpu", "bf16").probabilities(image)
        assert predicted.shape == (3, *ODD)
        torch.testing.assert_close(predicted.sum(0), torch.ones(ODD))

    def test_what_is_read_back_predicts_to_the_bit(self, name, tmp_path):
        model, classes = small(name), Classes.numbered(3)
        save_model(tmp_path / "model.safetensors", model, classes)
        image = torch.randint(0, 256, (50, 77, 3), dtype=torch.uint8).numpy()
        loaded, _ = load_model(tmp_path)
        before, after = (Predictor(m, classes, "cpu").probabilities(image) for m in (model, loaded))
        assert after.shape == (3, 50, 77)
        assert torch.equal(before, after)

    @pytest.mark.slow
    def test_compiles_whole(self, name):
        model = small(name).eval()
        image = torch.randn(1, 3, 64, 96)
        compiled = torch.compile(model, backend="aot_eager", fullgraph=True)
        torch.testing.assert_close(compiled(image).coarse_logits, model(image).coarse_logits)

    @pytest.mark.slow
    def test_exports_with_any_batch_and_size(self, name):
        model = CoarseLogits(small(name)).eval()
        sizes = dict.fromkeys((0, 2, 3), torch.export.Dim.DYNAMIC)  # raises where one is fixed
        program = torch.export.export(
            model, (torch.randn(2, 3, 96, 128),), dynamic_shapes=(sizes,), strict=False
        )
        exported = program.module()
        for size in ((3, 3, 75, 203), (1, 3, 480, 480), (1, 3, 160, 32)):  # 480: cpnet's own grid
            image = torch.randn(size)
            torch.testing.assert_close(exported(image), model(image))
