"""Model files and exported files that describe what they do not hold."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from contextseg import create_model
from contextseg.config.io import to_dict
from contextseg.data.classes import Classes
from contextseg.weights import save_model
from contextseg.weights.classifiers import save_classifier

Edit = Callable[[dict[str, Any]], Any]
"""Changes the config of a model in place, or returns what replaces it."""

SMALL = {"backbone": "test_resnet", "num_classes": 3, "head_channels": 8, "aux_channels": 8}


def nested(levels: int) -> str:
    """JSON and YAML of lists in lists."""
    return "[" * levels + "]" * levels


def model_file(path: Path, name: str, edit: Edit) -> Path:
    """A model whose metadata say more than its weights."""
    torch.manual_seed(0)
    save_model(path, create_model(name, **SMALL), Classes.numbered(3))  # pyright: ignore[reportArgumentType]
    return _edited(path, edit)


def classifier_file(path: Path, name: str, edit: Edit, **options: Any) -> Path:
    """A classifier whose metadata say more than its weights."""
    model = create_model(name, num_classes=3, **options)  # pyright: ignore[reportCallIssue, reportArgumentType]
    save_classifier(path, model, Classes.numbered(3))  # pyright: ignore[reportArgumentType]
    return _edited(path, edit)


def _edited(path: Path, edit: Edit) -> Path:
    from safetensors import safe_open

    with safe_open(path, framework="pt") as file:
        metadata = file.metadata()
    content = json.loads(metadata["model"])
    replaced = edit(content)
    metadata["model"] = replaced if isinstance(replaced, str) else json.dumps(content)
    save_file(load_file(path), path, metadata=metadata)
    return path


def context(**values: Any) -> Edit:
    """Other values in the options of the context module."""
    return lambda content: content["context"].update(values)


def options(**values: Any) -> Edit:
    """Other values in the options of the network."""
    return lambda content: content.update(values)


def network(**values: Any) -> Edit:
    """Other values in the options of a classifier's network."""
    return lambda content: content["network"].update(values)


MODELS: dict[str, tuple[str, Edit]] = {
    "convolutions": ("fcn", context(num_convs=10**7)),
    "many-bins": ("pspnet", context(bins=[1] * 10**5)),
    "large-bin": ("pspnet", context(bins=[10**5])),
    "dilations": ("deeplabv3", context(rates=[1] * 10**5)),
    "head": ("fcn", options(head_channels=10**7)),
    "auxiliary-head": ("fcn", options(aux_channels=10**7)),
    "codewords": ("encnet", context(num_codewords=10**9)),
    "grid": ("cpnet", context(prior_grid=[10**5, 10**5])),
    "kernel": ("cpnet", context(kernel_size=10**9 + 1)),
    "in-bounds": ("fcn", options(head_channels=8192)),
    "in-bounds-all": ("fcn", lambda c: (options(head_channels=8192)(c), context(num_convs=64)(c))),
    "backbone": ("fcn", options(backbone="convnext_xxlarge")),
    "no-backbone": ("fcn", options(backbone="r" * 10**6)),
    "hub-backbone": ("fcn", options(backbone="hf-hub:owner/evil")),
    "local-backbone": ("fcn", options(backbone="local-dir:/tmp")),
    "nested": ("fcn", lambda content: nested(10**5)),
    "shallowly-nested": ("fcn", lambda content: nested(900)),
    "infinite": ("fcn", options(dropout=float("inf"))),
    "no-number": ("fcn", options(aux_weight=float("nan"))),
    "digits": ("fcn", lambda content: '{"head_channels": ' + "9" * 10**5 + "}"),
    "hundred-digits": ("fcn", options(head_channels=10**300)),
    "wrong-types": ("fcn", options(context=[], head_channels={})),
    "other-classes": ("fcn", options(num_classes=200)),
}
"""What is claimed, by name: of a network with three classes and eight channels."""

CLASSIFIERS: dict[str, tuple[str, Edit, dict[str, Any]]] = {
    "width": ("resnet14", network(width=10**7), {"width": 4}),
    "width-in-bounds": ("encnet14", network(width=1024), {"width": 4}),
    "codewords": ("encnet14", network(num_codewords=10**9), {"width": 4}),
    "size": ("timm", options(size=10**9), {"backbone": "test_resnet"}),
    "backbone": ("timm", network(backbone="convnext_xxlarge"), {"backbone": "test_resnet"}),
    "deepten": ("deepten", network(channels=10**7), {"backbone": "test_resnet"}),
}


def onnx_file(path: Path, metadata: dict[str, str], *, domain: str = "", data: str = "") -> Path:
    """An ONNX file that adds a weight to its image.

    Args:
        path: to write.
        metadata: what it says of itself.
        domain: of its operator, for one that no engine has.
        data: the file that its weight is to be read from.
    """
    import onnx
    from onnx import TensorProto, helper

    weight = helper.make_tensor("weight", TensorProto.FLOAT, [1], [1.0])
    if data:
        weight.ClearField("float_data")
        weight.data_location = TensorProto.EXTERNAL
        entry = weight.external_data.add()
        entry.key, entry.value = "location", data
    shape = ["batch", 3, "height", "width"]
    graph = helper.make_graph(
        [helper.make_node("Add", ["image", "weight"], ["mask"], domain=domain)],
        "graph",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("mask", TensorProto.FLOAT, shape)],
        [weight],
    )
    model = helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid("", 18), helper.make_opsetid("evil", 1)],
        ir_version=9,
    )
    helper.set_model_props(model, metadata)
    onnx.save(model, path)
    return path


def openvino_file(path: Path, metadata: dict[str, str], old: str = "", new: str = "") -> Path:
    """The same graph as an .xml with its .bin, `old` replaced by `new` in its text."""
    import openvino

    plain = onnx_file(path.with_suffix(".onnx"), {})
    model = openvino.Core().read_model(plain)
    model.set_rt_info(metadata["contextseg"], ["contextseg", "contextseg"])
    openvino.save_model(model, path, compress_to_fp16=False)
    plain.unlink()
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new) if old else text)
    return path


def text_file(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def described(**values: Any) -> dict[str, str]:
    """Metadata of an export of the small network, with other values."""
    model = create_model("fcn", **SMALL)  # pyright: ignore[reportArgumentType]
    content = {
        "format": 1,
        "model": to_dict(model.config),
        "classes": Classes.numbered(3).to_dict(),
        "output": "mask",
        "precision": "fp32",
        "size": None,
        **values,
    }
    return {"contextseg": json.dumps(content)}


EXPORTED: dict[str, Callable[[Path], Path]] = {
    "nested.onnx": lambda path: onnx_file(path, {"contextseg": nested(10**5)}),
    "another-graph.onnx": lambda path: onnx_file(path, described()),
    "operator.onnx": lambda path: onnx_file(path, described(), domain="evil"),
    "absolute.onnx": lambda path: onnx_file(path, described(), data="/dev/zero"),
    "outside.onnx": lambda path: onnx_file(path, described(), data="../../secret"),
    "output.onnx": lambda path: onnx_file(path, described(output=["mask"])),
    "nested.xml": lambda path: openvino_file(path, {"contextseg": nested(10**5)}),
    "another-graph.xml": lambda path: openvino_file(path, described()),
    "offset.xml": lambda path: openvino_file(path, described(), 'offset="0"', 'offset="99999999"'),
    "deep.xml": lambda path: text_file(path, "<a>" * 10**5 + "</a>" * 10**5),
    "size.onnx": lambda path: onnx_file(path, described(size=[10**9, 10**9])),
    "classes.onnx": lambda path: onnx_file(path, described(classes=Classes.numbered(9).to_dict())),
}
