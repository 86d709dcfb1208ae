"""ONNX files compute the sizes of images as Python does, also where it rounds up."""

from __future__ import annotations

import pytest
import torch
from timm.layers import create_conv2d
from timm.layers.pool2d_same import AvgPool2dSame
from torch import Tensor, nn
from torch.export import Dim

from contextseg.config import ModelConfig
from contextseg.data.classes import Classes
from contextseg.engines.info import ExportInfo
from contextseg.interop.export.whole_numbers import divide_whole_numbers
from contextseg.interop.export.writers import write_onnx

onnxruntime = pytest.importorskip("onnxruntime")
SIZES = [(rows, columns) for rows in range(33, 41) for columns in (44, 47)]


class RoundedUp(nn.Module):
    """The part of a map that covers an image, as backbones cut what covers padding alone."""

    def forward(self, x: Tensor) -> Tensor:
        return x[:, :, : -(-x.shape[2] // 4), : -(-x.shape[3] // 7)]


class Negative(nn.Module):
    """A quotient of a negative number, to be rounded down, and its rest."""

    def forward(self, x: Tensor) -> Tensor:
        rest = -x.shape[3] % 7
        return x[:, :, (5 - x.shape[2]) // 3 :, : rest + 1]


class Scaled(nn.Module):
    """Positions times, plus and minus numbers that depend on the size, and plain ones."""

    def forward(self, x: Tensor) -> Tensor:
        rows = torch.arange(x.shape[2]) + 1
        scaled = rows * max(x.shape[3] / x.shape[2], 1.0) - (x.shape[2] / 7) + x.shape[3] / 3
        plain = rows.sub(2, alpha=3).add(2, alpha=3) * 3
        return x + scaled[:, None] + plain[:, None]


def same(kernel: int, stride: int, **options: int) -> nn.Module:
    return create_conv2d(3, 3, kernel, stride=stride, padding="same", **options)


LAYERS = {
    "rounded up": RoundedUp(),
    "negative": Negative(),
    "scaled": Scaled(),
    "padded convolutions": nn.Sequential(same(3, 2), same(5, 3)),
    "dilated": same(3, 2, dilation=3),
    "pools": nn.Sequential(AvgPool2dSame(2, 1), AvgPool2dSame(3, 2)),
}


@pytest.fixture(params=LAYERS, scope="module")
def layer(request):
    torch.manual_seed(0)
    return LAYERS[request.param].eval().requires_grad_(False)


@pytest.fixture(scope="module")
def file(layer, tmp_path_factory):
    path = tmp_path_factory.mktemp("layer") / "layer.onnx"
    any_size = {0: Dim.DYNAMIC, 2: Dim.DYNAMIC, 3: Dim.DYNAMIC}
    program = torch.export.export(layer, (torch.randn(2, 3, 51, 85),), dynamic_shapes=(any_size,))
    divide_whole_numbers(program.graph)
    config = ModelConfig(num_classes=3, mean=(0, 0, 0), std=(1, 1, 1))
    info = ExportInfo(config=config, classes=Classes.numbered(3), output="logits", precision="fp32")
    write_onnx(path, program, info)
    return path


def test_a_layer_is_itself_at_every_size(layer, file):
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    for size in SIZES:
        image = torch.randn(1, 3, *size)
        (found,) = session.run(None, {"image": image.numpy()})
        torch.testing.assert_close(torch.from_numpy(found), layer(image), rtol=1e-5, atol=1e-5)


def test_openvino_computes_the_same_sizes(layer, file):
    openvino = pytest.importorskip("openvino")
    compiled = openvino.compile_model(file, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    for size in SIZES:
        image = torch.randn(1, 3, *size)
        found = torch.from_numpy(compiled(image.numpy())[0])
        torch.testing.assert_close(found, layer(image), rtol=1e-5, atol=1e-5)
