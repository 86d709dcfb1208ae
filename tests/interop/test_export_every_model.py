"""Every segmentation model exports with sizes left open, pooling and priors included."""

from __future__ import annotations

import pytest
import torch

from contextseg import export, list_models
from contextseg.data.classes import Classes
from contextseg.engines import open_exported
from contextseg.inference.predictor import Predictor
from tests.interop.conftest import small

pytest.importorskip("onnxruntime")


@pytest.mark.parametrize("name", [name for name in list_models() if name != "encnet"])
@pytest.mark.slow
def test_a_model_is_itself_at_every_size(name, tmp_path):
    options = {"prior_grid": (4, 5)} if name == "cpnet" else {}
    model = small(name, head_channels=16, **options)
    predictor = Predictor(model, Classes.numbered(8), "cpu")
    path = tmp_path / "model.onnx"
    report = export(predictor, path, output="logits")
    assert report.verification.agreement >= 0.999
    exported = open_exported(path)
    for size in ((64, 80), (97, 161), (320, 64)):  # cpnet's own grid, an odd size, a narrow one
        image = torch.randn(1, 3, *size)
        with torch.inference_mode():
            expected = model(image).logits
        found = exported(image).coarse_logits
        torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-3)


@pytest.mark.slow
def test_a_backbone_that_pads_by_size_is_itself_at_every_size(tmp_path):
    model = small("fcn", backbone="tf_efficientnet_lite0", head_channels=16)
    predictor = Predictor(model, Classes.numbered(8), "cpu")
    export(predictor, tmp_path / "model.onnx", output="logits")
    exported = open_exported(tmp_path / "model.onnx")
    for size in ((64, 80), (97, 161), (59, 106), (130, 67)):  # both parities at every stage
        image = torch.randn(1, 3, *size)
        with torch.inference_mode():
            expected = model(image).logits
        found = exported(image).coarse_logits
        torch.testing.assert_close(
            found, expected, rtol=1e-3, atol=1e-5 * float(expected.abs().max())
        )
