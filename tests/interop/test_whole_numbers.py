"""Sizes of images in a graph of any size, as a .pt2 file can hold them; what a suffix says."""

from __future__ import annotations

import math
import operator
from fractions import Fraction

import pytest
import torch
from timm.layers import create_conv2d
from timm.layers.pool2d_same import AvgPool2dSame
from torch.export import Dim
from torch.fx import Graph, GraphModule

from contextseg import Classes, create_model, export
from contextseg.interop.export.whole_numbers import divide_whole_numbers
from contextseg.weights import save_model


def graph_of(dividend: object, divisor: object) -> Graph:
    graph = Graph()
    first, second = graph.placeholder("a"), graph.placeholder("b")
    first.meta["val"], second.meta["val"] = dividend, divisor
    quotient = graph.call_function(operator.truediv, (first, second))
    graph.output(graph.call_function(math.ceil, (quotient,)))
    return graph


@pytest.mark.parametrize(("a", "b"), [(7, 2), (8, 2), (1, 3), (0, 5), (-7, 2), (2**60 + 1, 2)])
def test_a_quotient_is_rounded_up_exactly(a, b):
    graph = graph_of(a, b)
    divide_whole_numbers(graph)
    assert {node.target for node in graph.nodes if node.op == "call_function"} == {
        operator.neg, operator.floordiv,
    }  # fmt: skip
    assert GraphModule(torch.nn.Module(), graph)(a, b) == math.ceil(Fraction(a, b))
    assert list(graph.nodes)[-1].args[0].meta["val"] == -(-a // b)


def test_quotients_of_floats_stay():
    graph = graph_of(7.5, 2)
    divide_whole_numbers(graph)
    assert GraphModule(torch.nn.Module(), graph)(7.5, 2) == 4
    assert math.ceil in {node.target for node in graph.nodes}


@pytest.mark.parametrize(
    "layer",
    [AvgPool2dSame(2, 1), AvgPool2dSame(3, 2), create_conv2d(3, 4, 3, stride=2, padding="same")],
    ids=["pool", "strided pool", "convolution"],
)
def test_same_padding_is_saved_for_any_size(layer, tmp_path):
    any_size = {2: Dim.DYNAMIC, 3: Dim.DYNAMIC}
    image = torch.randn(1, 3, 20, 30)
    program = torch.export.export(layer.eval(), (image,), dynamic_shapes=(any_size,))
    divide_whole_numbers(program.graph)
    torch.export.save(program, tmp_path / "layer.pt2")
    saved = torch.export.load(tmp_path / "layer.pt2").module()
    for rows, columns in ((20, 30), (21, 31), (33, 17)):
        image = torch.randn(1, 3, rows, columns)
        assert torch.equal(saved(image), layer(image))


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """A model whose backbone pools with padding by size."""
    model = create_model("fcn", backbone="test_resnet", num_classes=3, head_channels=8)
    path = tmp_path_factory.mktemp("tiny") / "model.safetensors"
    save_model(path, model, Classes.numbered(3))
    return path


@pytest.mark.slow
def test_the_smallest_backbone_is_exported_for_any_size(tiny, tmp_path):
    report = export(tiny, tmp_path / "tiny.pt2")  # the suffix says torch-export
    assert report.info.size is None
    assert len(report.verification.sizes) == 4
    assert report.verification.agreement >= 0.999


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("m.bin", {}, r"m\.bin must end in \.onnx, \.xml, \.pt2\."),
        ("m", {}, r"m must end in \.onnx, \.xml, \.pt2\."),
        ("m.xml", {"to": "onnx"}, r"must end in \.onnx for onnx\. \.xml is written by --to openv"),
        ("m.pt2", {"to": "onnx"}, r"\.pt2 is written by --to torch-export or aoti"),
        ("m.xml", {"precision": "int8"}, "int8 is calibrated on images"),  # as for openvino
        ("m.pt2", {"precision": "fp16"}, "PyTorch does not compute in fp16"),  # as for torch-export
    ],
)
def test_the_suffix_says_the_format(tiny, tmp_path, name, options, message):
    with pytest.raises(ValueError, match=message):
        export(tiny, tmp_path / name, **options)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_an_xml_file_is_openvinos(tiny, tmp_path):
    pytest.importorskip("openvino")
    report = export(tiny, tmp_path / "tiny.xml")
    assert {path.name for path in tmp_path.iterdir()} == {"tiny.xml", "tiny.bin"}
    assert report.verification.agreement >= 0.999
