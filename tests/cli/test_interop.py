"""`contextseg convert`, `export` and `benchmark` on the terminal."""

from __future__ import annotations

import pytest
import torch
from torchvision.models import segmentation

from contextseg.cli.__main__ import main


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """A checkpoint of torchvision."""
    path = tmp_path_factory.mktemp("torchvision") / "fcn.pth"
    network = segmentation.fcn_resnet50(weights=None, weights_backbone=None, num_classes=3)
    torch.save({"model": network.state_dict(), "epoch": 3}, path)
    return path


def test_convert(checkpoint, tmp_path, capsys):
    out = tmp_path / "fcn.safetensors"
    words = ["convert", str(checkpoint), "-o", str(out)]
    assert main(words) == 0
    said = capsys.readouterr().out
    assert "torchvision: fcn on resnet50, 3 classes, output stride 8" in said
    assert main(words) == 2
    assert "exists already. Add --overwrite" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("convert absent.pth -o x.safetensors", "no checkpoint at absent.pth"),
        ("convert {broken} -o x.safetensors", "broken.pth"),
        ("convert {checkpoint} -o x.pth", "must end in .safetensors"),
        ("convert {checkpoint} -o x.safetensors --from caffe", "source must be one of"),
        ("convert {checkpoint} -o x.safetensors --from pytorch-encoding", "convert: "),
        ("convert {checkpoint} -o x.safetensors --from mmseg", "convert: "),
        ("convert {checkpoint} -o x.safetensors --from contextprior", "convert: "),
        ("convert {checkpoint} -o {checkpoint}/x.safetensors", "fcn.pth"),
        ("convert {checkpoint} -o broken.pth/x.safetensors", "broken.pth: Not a directory"),
        ("export absent -o x.onnx", "no model at absent"),
        ("export {model} -o broken.pth/x.onnx", "broken.pth: Not a directory"),
        ("export {model} -o x.onnx --opset 3", "opset must be in 18"),
        ("export {model} -o x.onnx --to coreml", "to must be one of"),
        ("export {model} -o x.onnx --size 32 32 --dynamic", "not allowed with"),
        ("export {model} -o x.onnx --precision int8", "calibrated on images"),
        ("benchmark {model} --engines eager,tpu", "engines are eager"),
        ("benchmark {model} --batch 0", "batch, repeats and limit"),
        ("predict absent.onnx x.jpg -o out", "no exported model at absent.onnx"),
    ],
)
def test_a_mistake_is_one_line_and_leaves_no_file(
    words, message, model, checkpoint, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "broken.pth").write_bytes(b"nothing of the kind")
    filled = words.format(model=model, checkpoint=checkpoint, broken="broken.pth")
    assert main(filled.split()) == 2
    error = capsys.readouterr().err.strip().splitlines()
    assert error[-1].startswith(f"contextseg {words.split()[0]}: error: ")
    assert message in error[-1]
    assert [file.name for file in tmp_path.iterdir()] == ["broken.pth"]


@pytest.mark.slow
def test_export_predict_and_benchmark(model, tmp_path, capsys):
    pytest.importorskip("onnxruntime")
    path = tmp_path / "model.onnx"
    assert main(["export", str(model), "-o", str(path), "--size", "96", "128"]) == 0
    said = capsys.readouterr().out
    assert "% of the pixels agree" in said
    assert "synthetic scenes" in said
    assert main(["evaluate", str(path), "shapes", "--limit", "2"]) == 0
    assert "mean IoU" in capsys.readouterr().out
    words = f"benchmark {model} --data shapes --limit 2 --repeats 1 --size 64 96"
    assert main([*words.split(), "--engines", "eager,bf16,onnxruntime-int8"]) == 0
    said = capsys.readouterr().out
    for part in (
        "eager",
        "bf16",  # measured, or left out with the reason
        "mIoU",
        "threads",
        "GMAC per batch. Plain matrix products run at",
        "onnxruntime-int8: export: int8 is calibrated",
    ):
        assert part in said
