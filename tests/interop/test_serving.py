"""Folders for servers, and without PyTorch: their layout, and `predict`'s labels from pixels."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from contextseg import load
from contextseg.data import open_dataset
from contextseg.inference.predictor import Predictor
from contextseg.inference.views.plan import plan
from contextseg.inference.views.windows import Span
from contextseg.interop import export_for_server, export_standalone
from contextseg.interop.export import serving, standalone, standalone_script
from contextseg.models.segmentation import aligned_pixels
from contextseg.weights import save_model
from tests.inference.fakes import draw_image
from tests.interop.conftest import small
from tests.interop.model_config import DATA_TYPES, parsed

onnxruntime = pytest.importorskip("onnxruntime")

KINDS = {"TYPE_UINT8": "tensor(uint8)", "TYPE_FP32": "tensor(float)"}
SIZES = [(64, 96), (33, 47), (20, 75)]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A tiny network with presence logits, whose sizes must be multiples."""
    classes = open_dataset("shapes", "val").classes
    network = small(
        backbone="test_resnet", num_classes=classes.num_classes, head_channels=8, num_codewords=4
    )
    path = tmp_path_factory.mktemp("model") / "model.safetensors"
    save_model(path, network, classes)
    return path


@pytest.fixture(scope="module")
def triton(model, tmp_path_factory):
    """A folder for Triton, and the report of its export."""
    folder = tmp_path_factory.mktemp("models") / "streets \u00e4"
    return folder, export_for_server(model, folder, "triton")


@pytest.fixture
def quick(monkeypatch, triton):
    """Exports are copies of that one, so that many folders cost little."""
    file, report = triton[0] / "1" / "model.onnx", triton[1]

    def export(model, out, **options):
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_bytes(file.read_bytes())
        return replace(report, path=out)

    monkeypatch.setattr(serving, "export", export)
    monkeypatch.setattr(standalone, "export", export)


def files(folder):
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


@pytest.mark.slow
def test_triton_loads_the_folder(triton, model):
    folder, report = triton
    assert files(folder) == ["1/model.onnx", "config.pbtxt"]
    assert report.path == folder / "1" / "model.onnx"
    assert report.verification.agreement >= 0.999
    config = parsed((folder / "config.pbtxt").read_text(encoding="utf-8"))
    assert (config.name, config.backend) == (folder.name, "onnxruntime")
    assert config.default_model_filename == "model.onnx"
    assert config.max_batch_size == 8
    session = onnxruntime.InferenceSession(report.path)
    for stated, actual in ((config.input, session.get_inputs()),
                           (config.output, session.get_outputs())):  # fmt: skip
        assert [each.name for each in stated] == [each.name for each in actual]
        for one, other in zip(stated, actual, strict=True):
            assert KINDS[DATA_TYPES[one.data_type]] == other.type
            sizes = [each if isinstance(each, int) else -1 for each in other.shape]
            assert [-1, *one.dims] == sizes
    names = load(model).classes.names
    assert json.loads(config.parameters["classes"].string_value) == names
    assert len(json.loads(config.parameters["palette"].string_value)) == len(names)


@pytest.mark.slow
def test_the_labels_of_predict_from_pixels(triton, model):
    predictor = load(model, device="cpu")
    session = onnxruntime.InferenceSession(triton[1].path)
    exported = load(triton[1].path)
    for size in SIZES:
        images = np.stack([draw_image(*size, seed=seed) for seed in (0, 1)])
        labels, presence = session.run(None, {"image": images})
        for image, label, logits in zip(images, labels, presence, strict=True):
            plain = predictor(image)
            assert (predictor.classes.to_ids(label) == plain.mask).mean() > 0.999
            shares = dict(zip(predictor.classes.names, 1 / (1 + np.exp(-logits)), strict=True))
            assert shares == pytest.approx(plain.presence, abs=1e-4)
            assert (exported(image).mask == predictor.classes.to_ids(label)).all()


def test_versions_of_a_model(quick, model, tmp_path):
    folder = tmp_path / "models" / "mine"
    assert export_for_server(model, folder, "triton").path == folder / "1" / "model.onnx"
    before = (folder / "1" / "model.onnx").stat().st_ino
    with pytest.raises(FileExistsError, match=r"1 exists already. Replace it \(--overwrite\)"):
        export_for_server(model, folder, "triton")
    export_for_server(model, folder, "triton", version=2)
    assert files(folder) == ["1/model.onnx", "2/model.onnx", "config.pbtxt"]
    assert (folder / "1" / "model.onnx").stat().st_ino == before
    export_for_server(model, folder, "triton", overwrite=True)
    assert (folder / "1" / "model.onnx").stat().st_ino != before
    assert files(tmp_path) == [f"models/mine/{each}" for each in files(folder)]  # no remains
    for options, message in (
        ({"layout": "torchserve"}, "layout must be triton or ovms"),
        ({"version": 0}, "versions of models count from 1"),
        ({"folder": tmp_path / "m.onnx"}, "must be a folder"),
    ):
        with pytest.raises(ValueError, match=message):
            export_for_server(model, **{"folder": folder, "layout": "triton", **options})


def test_one_image_size_has_no_batches(triton):
    info = replace(triton[1].info, size=(64, 96))
    config = parsed(serving.triton_config('a "b"\\ \n', triton[1].path, info))
    assert config.name == 'a "b"\\ \n'
    assert config.max_batch_size == 0
    assert [list(each.dims) for each in config.input] == [[-1, -1, -1, 3]]


@pytest.mark.slow
def test_openvino_model_server_loads_the_folder(tmp_path):
    openvino = pytest.importorskip("openvino")
    classes = open_dataset("shapes", "val").classes
    network = small("fcn", backbone="test_resnet", num_classes=classes.num_classes, head_channels=8)
    torch.nn.init.normal_(network.head[1].weight)  # logits that are not nearly equal
    predictor = Predictor(network, classes, device="cpu")
    report = export_for_server(predictor, tmp_path / "mine", "ovms", version=3)
    assert files(tmp_path) == ["mine/3/model.bin", "mine/3/model.xml"]
    network = openvino.Core().compile_model(
        report.path,
        "CPU",
        {"INFERENCE_PRECISION_HINT": "f32"},  # else bfloat16 where there is some
    )
    assert network.inputs[0].element_type.get_type_name() == "u8"
    image = draw_image(50, 70)
    labels = network({"image": image[None]})["mask"]
    assert (predictor.classes.to_ids(labels[0]) == predictor(image).mask).mean() > 0.999


BLOCKED = """
import sys
class Refuse:
    def find_spec(self, name, *_):
        if name.split(".")[0] in ("torch", "contextseg", "cv2", "onnx", "torchvision", "timm"):
            raise ImportError(f"{name} must not be needed")
sys.meta_path.insert(0, Refuse())
import runpy
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def test_a_folder_that_needs_no_pytorch(quick, model, tmp_path):
    """The script runs where PyTorch, OpenCV and this package cannot be imported."""
    folder, photos = tmp_path / "alone", tmp_path / "photos"
    report = export_standalone(model, folder)
    assert files(folder) == ["model.onnx", "requirements.txt", "segment.py"]
    predictor, tiled = load(model, device="cpu"), load(report.path)
    (photos / "more").mkdir(parents=True)
    deep = (draw_image(40, 56)[..., 0].astype(np.uint16) << 8) + 77
    pictures = {
        "a.png": Image.fromarray(draw_image(64, 96)),
        "more/b.png": Image.fromarray(draw_image(33, 47)).convert("LA"),
        "c.jpg": Image.fromarray(draw_image(20, 75)),
        "c.png": Image.fromarray(np.dstack([draw_image(40, 56), deep.astype(np.uint8)])),
        "d.png": Image.fromarray(deep),
        "e.png": Image.fromarray(draw_image(900, 1300)),  # in tiles
    }
    turned = Image.Exif()
    turned[0x0112] = 6
    for name, picture in pictures.items():
        picture.save(photos / name, exif=turned)
    (photos / "bad.jpg").write_bytes(b"no image")
    done = subprocess.run(
        [sys.executable, "-I", "-c", BLOCKED, str(folder / "segment.py"), str(photos), "-o",
         str(tmp_path / "masks"), "--overlays", str(tmp_path / "over"), "--threads", "1"],
        capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    assert "bad.jpg: cannot identify image" in done.stderr
    written = ["a.png", "c.png", "c.png.png", "d.png", "e.png", "more/b.png"]
    assert files(tmp_path / "masks") == files(tmp_path / "over") == written
    for name, mask in zip(["a.png", "c.jpg", "c.png", "d.png", "more/b.png"],
                          ["a.png", "c.png", "c.png.png", "d.png", "more/b.png"],
                          strict=True):  # fmt: skip
        found = Image.open(tmp_path / "masks" / mask)
        expected = predictor(photos / name)
        assert (np.array(found) == expected.mask).mean() > 0.999, name
        colours = np.array(found.getpalette(), np.uint8).reshape(-1, 3)
        ids = [info.id for info in predictor.classes.classes]
        assert (colours[ids] == predictor.classes.palette[ids]).all()
    large = np.array(Image.open(tmp_path / "masks" / "e.png"))
    assert (large == tiled(photos / "e.png").mask).all()
    with pytest.raises(FileExistsError, match="exists already"):
        export_standalone(model, folder)


@pytest.mark.parametrize("size", [(64, 96), (1040, 1400), (32, 64000), (5000, 2048), (2049, 33)])
@pytest.mark.parametrize("fixed", [None, (64, 96), (100, 100)])
@pytest.mark.parametrize("image_scale", [1.0, 1.5])
def test_the_script_makes_the_tiles_of_predict(size, fixed, image_scale):
    model = {"output_stride": 16, "image_scale": image_scale, "align_corners": False}
    multiple = 1 if fixed else aligned_pixels(16, image_scale)
    script = standalone_script.Model.__new__(standalone_script.Model)
    script.size, script.multiple, script.most = fixed, 16 if image_scale == 1 else 1, 1024 * 1024
    assert standalone_script.window_multiple(model, fixed, script.multiple) == multiple
    script.mean = np.zeros(3)
    canvas = script._padded(np.zeros((*size, 3), np.uint8)).shape[:2]
    sides, cut = script._tile(*canvas), (multiple, fixed is not None)
    (views,) = plan(
        canvas, window=fixed, max_pixels=1024 * 1024, multiple=multiple, fixed=fixed is not None
    )
    tiles = [
        (Span(*row), Span(*column))
        for row in standalone_script.tiles(canvas[0], sides[0], *cut)
        for column in standalone_script.tiles(canvas[1], sides[1], *cut)
    ]
    assert tiles == [(view.vertical, view.horizontal) for view in views.views]


def test_a_folder_without_pytorch_is_for_photos(quick, model, tmp_path, monkeypatch):
    with pytest.raises(ValueError, match="takes labels, --output mask"):
        export_standalone(model, tmp_path / "a", output="logits")
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="is a file; give the name of a folder"):
        export_standalone(model, tmp_path / "file")
    assert files(tmp_path) == ["file"]
