"""int8 files spend their 256 steps on what convolutions pass on, and nowhere else."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch

from contextseg import create_model, export
from contextseg.data.classes import Classes
from contextseg.engines import open_exported
from contextseg.inference.predictor import Predictor
from contextseg.interop.export.images import normalised
from contextseg.interop.export.quantise import outside
from contextseg.system.bfloat16 import bfloat16_on
from tests.inference.fakes import draw_image
from tests.interop.conftest import small
from tests.pretended import WITH, WITHOUT

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")


def integer_tensors(nodes: Any) -> set[str]:
    """Results that are rounded to int8, whatever computes them."""
    return {node.input[0] for node in nodes if node.op_type == "QuantizeLinear"}


def test_arithmetic_that_no_convolution_leads_to_stays_in_floating_point():
    def node(kind: str, name: str, inputs: str, output: str) -> Any:
        return onnx.helper.make_node(kind, inputs.split(), [output], name=name)

    nodes = [
        node("Range", "columns", "start end step", "columns"),
        node("Add", "centres", "columns half", "centres"),
        node("Clip", "inside the image", "centres zero last", "positions"),
        node("Conv", "first", "image weight", "a"),
        node("Relu", "rectified", "a", "b"),
        node("MaxPool", "pooled", "b", "c"),
        node("Conv", "second", "c weight", "d"),
        node("Add", "residual", "c d", "e"),
        node("Resize", "enlarged", "e roi scales", "f"),
        node("Concat", "levels", "f d", "g"),
        node("Softmax", "assignment", "g", "h"),
        node("Add", "distances", "h norms", "i"),
    ]
    assert outside(nodes) == ["centres", "inside the image", "distances"]


@pytest.mark.slow
def test_convolutions_are_rounded_behind_their_activation(int8_file: Path):
    nodes = onnx.load(int8_file).graph.node
    maker = {output: node for node in nodes for output in node.output}
    rounded = [maker[name].op_type for name in integer_tensors(nodes) if name in maker]
    assert rounded.count("Conv") > 15
    # A Relu behind a convolution would cut off steps that the convolution's range has taken; the
    # rounding does what it does.
    behind = [node for node in nodes if node.op_type == "Relu" and node.input[0] in maker]
    assert [maker[node.input[0]].op_type for node in behind] == ["BatchNormalization"]


@pytest.mark.slow
def test_clips_of_mobilenets_are_part_of_the_rounding(photos: Path, tmp_path: Path):
    torch.manual_seed(0)
    model = create_model("fcn", backbone="mobilenetv2_050", num_classes=4, head_channels=8)
    path = tmp_path / "mobile.onnx"
    predictor = Predictor(model, Classes.numbered(4), "cpu")
    export(predictor, path, precision="int8", images=photos, size=(64, 96), least_agreement=0.0)
    kinds = {node.op_type for node in onnx.load(path).graph.node}
    assert "Conv" in kinds
    assert "Clip" not in kinds


@pytest.mark.slow
def test_images_larger_than_those_of_the_calibration(int8_file: Path):
    # Positions of columns in 256 steps of those of the photos would end at their last column.
    model = small()
    image = normalised(draw_image(224, 336, seed=7), model.config, (224, 336))
    with torch.inference_mode():
        expected = model(image).logits.argmax(1)
    found = open_exported(int8_file).labels(image).labels
    assert (found == expected).float().mean() > 0.8


@pytest.mark.parametrize(
    ("precision", "capabilities", "expected"),
    [("int8", WITH, "f32"), ("bf16", WITHOUT, "f32"), ("bf16", WITH, "bf16")],
)
@pytest.mark.slow
def test_openvino_computes_in_bfloat16_only_what_is_asked_for_and_fast(
    precision, capabilities, expected, model_file, photos, tmp_path, monkeypatch, pretended_cpu,
    caplog,
):  # fmt: skip
    ov = pytest.importorskip("openvino")
    if expected == "bf16" and not bfloat16_on(torch.device("cpu")).faster:
        pytest.skip("OpenVINO may lack kernels in bfloat16 on this processor")
    pretended_cpu(capabilities)
    settings: list[dict[str, Any]] = []

    class Core(ov.Core):
        def compile_model(self, model: Any, device: str, config: dict[str, Any]) -> Any:
            settings.append(copy.deepcopy(config))
            return super().compile_model(model, device, config)

    monkeypatch.setattr(ov, "Core", Core)
    export(
        model_file, tmp_path / "small.xml", to="openvino", precision=precision, images=photos,
        size=(64, 96), least_agreement=0.0,
    )  # fmt: skip
    assert [each["INFERENCE_PRECISION_HINT"] for each in settings] == [expected]
    warned = "small.xml is computed in float32: bfloat16 is not faster here" in caplog.text
    assert warned is (precision == "bf16" and capabilities is WITHOUT)
