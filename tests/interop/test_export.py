"""Exported files do what PyTorch does, at any size, and say what they are."""

from __future__ import annotations

import importlib
import json

import pytest
import torch

from contextseg import evaluate, export, load
from contextseg.engines import open_exported
from contextseg.inference.predictor import Predictor
from contextseg.interop.export.graph import upsampled, upsampled_labels
from contextseg.interop.export.verify import ExportDiffersError
from contextseg.models.outputs import upsample
from tests.inference.fakes import draw_image
from tests.interop.conftest import small
from tests.peak_memory import printed_by
from tests.pretended import FASTER, SLOWER, WITH, WITHOUT

pytest.importorskip("onnxruntime")


@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize(
    ("features", "size"), [((5, 7), (40, 53)), ((1, 1), (3, 4)), ((9, 9), (9, 1))]
)
def test_products_are_the_interpolation(features, size, align_corners):
    logits = torch.randn(2, 37, *features)
    expected = upsample(logits, size, align_corners)
    torch.testing.assert_close(
        upsampled(logits, size, align_corners), expected, rtol=1e-5, atol=1e-5
    )
    labels = upsampled_labels(logits, size, align_corners)
    assert (labels == expected.argmax(1)).float().mean() > 0.999


@pytest.mark.slow
def test_a_file_says_what_it_is(onnx_file):
    onnx = pytest.importorskip("onnx")
    metadata = {entry.key: entry.value for entry in onnx.load(onnx_file).metadata_props}
    assert json.loads(metadata["classes"])[0] == "sky"
    assert len(json.loads(metadata["palette"])) == 8
    assert json.loads(metadata["mean"]) == [0.485, 0.456, 0.406]
    dimensions = onnx.load(onnx_file).graph.input[0].type.tensor_type.shape.dim
    assert [bool(d.dim_param) for d in dimensions] == [True, False, True, True]


@pytest.mark.parametrize("size", [(33, 64), (100, 75), (161, 47)])
@pytest.mark.slow
def test_onnx_is_pytorch_at_any_size_and_batch(onnx_file, logits_file, size):
    model = small()
    image = torch.randn(3, 3, *size, generator=torch.Generator().manual_seed(size[0]))
    with torch.inference_mode():
        expected = model(image)
    found = open_exported(logits_file)(image)
    torch.testing.assert_close(found.coarse_logits, expected.logits, rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(
        found.presence_logits, expected.presence_logits, rtol=1e-3, atol=1e-4
    )
    labels = open_exported(onnx_file).labels(image).labels
    assert (labels == expected.logits.argmax(1)).float().mean() > 0.999


@pytest.mark.slow
def test_load_gives_the_same_result_object(model_file, onnx_file):
    image = draw_image(70, 90)
    plain, exported = load(model_file, device="cpu")(image), load(onnx_file)(image)
    assert (plain.mask == exported.mask).mean() > 0.999
    assert plain.presence == pytest.approx(exported.presence, abs=1e-4)
    assert exported.to_dict().keys() == plain.to_dict().keys()
    assert "ONNX Runtime" in repr(load(onnx_file))


@pytest.mark.slow
def test_evaluate_takes_an_exported_file(model_file, onnx_file, logits_file):
    plain = evaluate(model_file, "shapes", limit=3)
    assert evaluate(onnx_file, "shapes", limit=3).mean_iou == pytest.approx(
        plain.mean_iou, abs=1e-3
    )
    both = [
        evaluate(f, "shapes", limit=2, scales=(0.75, 1.0), flip=True)
        for f in (model_file, logits_file)
    ]
    assert both[1].mean_iou == pytest.approx(both[0].mean_iou, abs=0.02)
    with pytest.raises(ValueError, match=r"returns class labels only.*--output logits"):
        evaluate(onnx_file, "shapes", limit=1, flip=True)


@pytest.mark.slow
def test_a_large_image_goes_through_overlapping_tiles(model_file, onnx_file):
    image = draw_image(300, 410)
    exported = load(onnx_file)
    tiled = exported(image, window=160).mask
    assert tiled.shape == (300, 410)
    # Where the centre of a tile lies, its labels are those of the tile alone.
    alone = exported(image[:160, :160]).mask
    assert (tiled[:130, :130] == alone[:130, :130]).all()
    small_tiles = Predictor(exported.model, exported.classes, "cpu", max_pixels=128 * 128)
    assert small_tiles(image).mask.shape == (300, 410)


@pytest.mark.slow
def test_one_size_only(model_file, tmp_path):
    path = tmp_path / "fixed.onnx"
    report = export(model_file, path, size=(64, 96), output="probabilities")
    assert report.verification.sizes == ((64, 96),)
    predictor = load(path)
    for shape in ((64, 96), (50, 70), (100, 130)):  # as it is, padded, tiled
        assert predictor(draw_image(*shape)).mask.shape == shape
    with pytest.raises(ValueError, match="exported for one image size"):
        predictor(draw_image(64, 96), flip=True)
    with pytest.raises(ValueError, match="leave window out"):
        predictor(draw_image(64, 96), window=64)


@pytest.mark.slow
def test_half_the_size(model_file, onnx_file, tmp_path):
    report = export(model_file, tmp_path / "half.onnx", precision="fp16")
    assert report.bytes < 0.6 * onnx_file.stat().st_size
    assert report.verification.agreement > 0.99


@pytest.mark.slow
def test_int8_is_calibrated_on_photos(int8_file):
    onnx = pytest.importorskip("onnx")
    kinds = [node.op_type for node in onnx.load(int8_file).graph.node]
    assert kinds.count("QuantizeLinear") > 20


@pytest.mark.parametrize(
    ("images", "message"),
    [(None, "calibrated on images: give a folder"), ([], "images is an empty list")],
)
def test_int8_without_photos_is_refused_before_all_work(
    images, message, model_file, tmp_path, monkeypatch
):
    module = importlib.import_module("contextseg.interop.export.export")
    monkeypatch.delattr(module, "trace")
    with pytest.raises(ValueError, match=message):
        export(model_file, tmp_path / "int8.onnx", precision="int8", images=images)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.slow
def test_openvino(model_file, onnx_file, tmp_path, precision):
    pytest.importorskip("openvino")
    path = tmp_path / "small.xml"
    export(model_file, path, to="openvino", precision=precision, least_agreement=0.9)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["small.bin", "small.xml"]
    image = draw_image(70, 90)
    assert (load(path)(image).mask == load(onnx_file)(image).mask).mean() > 0.9
    if precision == "fp32":
        other = load(onnx_file, engine="openvino")
        assert (other(image).mask == load(path)(image).mask).mean() > 0.999


@pytest.mark.slow
def test_a_program_of_pytorch(model_file, onnx_file, tmp_path):
    path = tmp_path / "small.pt2"
    export(model_file, path, to="torch-export")
    image = draw_image(70, 90)
    assert (load(path, trust=True)(image).mask == load(onnx_file)(image).mask).mean() > 0.999


@pytest.mark.slow
def test_a_slow_number_format_is_verified_on_one_small_image(
    model_file, tmp_path, pretended_cpu, caplog
):
    path = tmp_path / "small.pt2"
    pretended_cpu(WITHOUT, SLOWER)
    report = export(model_file, path, to="torch-export", precision="bf16", least_agreement=0.9)
    assert "verified on one small image" in caplog.text
    assert report.verification.images == 3  # with a batch of it and its mirror image
    assert {max(size) for size in report.verification.sizes} == {96}

    assert "precision bf16 is slow here" not in caplog.text
    predictor = load(path, trust=True)
    assert "precision bf16 is slow here" in caplog.text
    image = draw_image(32, 48)
    assert (predictor(image).mask == load(model_file, device="cpu")(image).mask).mean() > 0.9


def test_a_fast_number_format_is_verified_like_any(pretended_cpu, caplog):
    is_slow = importlib.import_module("contextseg.interop.export.export")._is_slow
    pretended_cpu(WITH, FASTER)
    assert not is_slow("torch-export", "bf16")
    pretended_cpu(WITHOUT, SLOWER)
    assert not is_slow("openvino", "bf16")  # whose files are computed in float32 there
    assert not is_slow("torch-export", "fp32")
    assert caplog.records == []


@pytest.mark.slow
def test_an_export_that_differs_is_refused_and_leaves_nothing(model_file, tmp_path, monkeypatch):
    module = importlib.import_module("contextseg.interop.export.export")

    def shifted(*arguments: object, **options: object):
        graph = module.ExportGraph(small(), "mask")
        torch.nn.init.zeros_(graph.model.head[1].weight)
        return torch.export.export(graph, (torch.randn(1, 3, 64, 96),))

    monkeypatch.setattr(module, "trace", shifted)
    with pytest.raises(
        ExportDiffersError, match=r"refused, nothing written.*% of the pixels agree"
    ):
        export(model_file, tmp_path / "wrong.onnx", size=(64, 96))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"opset": 7}, "opset must be in 18 to"),
        ({"opset": 99}, "opset must be in 18 to"),
        ({"to": "tensorrt"}, "to must be one of onnx"),
        ({"precision": "int4"}, "precision must be one of"),
        ({"output": "edges"}, "output must be one of"),
        ({"precision": "bf16"}, "no bfloat16 convolutions"),
        ({"size": (16, 64)}, "size must be at least 32"),
        ({"to": "aoti"}, r"must end in \.pt2"),
    ],
)
def test_options_are_checked(model_file, tmp_path, options, message):
    with pytest.raises(ValueError, match=message):
        export(model_file, tmp_path / "x.onnx", **options)


def test_a_folder_is_no_target(model_file, tmp_path):
    (tmp_path / "x.onnx").mkdir()
    with pytest.raises(ValueError, match=r"x\.onnx is a folder; give the name of a file"):
        export(model_file, tmp_path / "x.onnx")


# By default a session keeps the memory of its runs, and plans it for each size of images.
HELD = """
import sys, numpy as np
from contextseg.engines import open_exported
from tests.peak_memory import held
run = open_exported(sys.argv[1]).run
run(np.zeros((1, 3, 64, 64), np.float32))
start = held()
for height, width in [(768, 768), (736, 800), (800, 736), (640, 920)]:
    run(np.zeros((1, 3, height, width), np.float32))
print(held() - start)
"""


@pytest.mark.slow
def test_no_memory_is_kept_between_images(onnx_file):
    (kept,) = printed_by(HELD.replace("sys.argv[1]", repr(str(onnx_file))))
    assert kept < 40  # MiB: one tensor takes 18, and a session as it comes keeps 80


def test_aoti_without_a_compiler_is_one_sentence(model_file, tmp_path, monkeypatch):
    monkeypatch.setenv("CXX", str(tmp_path / "compiler"))
    with pytest.raises(ValueError, match=r"finds no compiler at .*compiler, which CXX names"):
        export(model_file, tmp_path / "x.pt2", to="aoti")
    monkeypatch.delenv("CXX")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ValueError, match=r"finds no compiler on PATH; install (g|clang)\+\+"):
        export(model_file, tmp_path / "x.pt2", to="aoti")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("suffix", [".onnx", ".xml", ".pt2"])
def test_a_broken_or_foreign_file_is_refused(tmp_path, suffix):
    path = tmp_path / f"broken{suffix}"
    path.write_bytes(b"nothing of the kind")
    with pytest.raises(ValueError, match=f"broken{suffix}"):
        load(path, trust=True)
    with pytest.raises(FileNotFoundError, match="no exported model at"):
        load(tmp_path / f"absent{suffix}")


@pytest.mark.slow
def test_a_file_of_another_origin_is_refused(tmp_path, onnx_file):
    onnx = pytest.importorskip("onnx")
    model = onnx.load(onnx_file)
    del model.metadata_props[:]
    path = tmp_path / "foreign.onnx"
    onnx.save(model, path)
    with pytest.raises(ValueError, match="`contextseg export` did not write it"):
        load(path)
