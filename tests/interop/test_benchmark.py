"""What `benchmark` returns: rows of engines, the floor of arithmetic, photos of any layout."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch

from contextseg import benchmark, load
from contextseg.cli.benchmark import floor_text
from contextseg.data import open_dataset
from contextseg.data.folder import write_folder
from contextseg.data.vocabularies import vocabulary
from contextseg.interop.backends import prepare
from contextseg.interop.benchmark import calibration_photos
from contextseg.interop.compute_bound import Floor, measure_floor
from contextseg.weights import save_model
from tests.data import native
from tests.interop.conftest import small
from tests.pretended import WITH, WITHOUT


def test_the_floor_is_arithmetic_over_rate():
    floor = Floor(gmac=129.0, fp32_gflops=351.0, bf16_gflops=1290.0)
    assert floor.fp32_milliseconds == pytest.approx(735.04, abs=0.01)
    assert floor.bf16_milliseconds == pytest.approx(200.0)


@pytest.mark.slow
def test_the_floor_counts_every_image_of_a_batch(monkeypatch):
    monkeypatch.setattr("contextseg.system.arithmetic.SECONDS", 0.001)
    one, three = (measure_floor(small("fcn"), (64, 96), batch) for batch in (1, 3))
    assert three.gmac == pytest.approx(3 * one.gmac)
    assert one.fp32_gflops > 0
    assert three.bf16_gflops is None or three.bf16_gflops > 0


@pytest.mark.parametrize(
    ("capabilities", "words"),
    [(WITH, r"\d+ GFLOP/s in fp32 and \d+ in bf16, .* ms in fp32, .* ms in bf16\."),
     (WITHOUT, r"\d+ GFLOP/s in fp32, so an engine .* [\d.]+ ms in fp32\.$")],
)  # fmt: skip
def test_what_would_be_slow_in_bfloat16_is_left_out(
    pretended_cpu, monkeypatch, model_file, capabilities, words
):
    products = []

    def rate(dtype):
        products.append(dtype)
        return 100.0

    monkeypatch.setattr("contextseg.interop.compute_bound.product_gflops", rate)
    pretended_cpu(capabilities)
    found = benchmark(model_file, engines=("eager", "bf16"), size=(32, 32), repeats=1)
    eager, bf16 = found.rows
    assert eager.milliseconds is not None
    if capabilities is WITH:
        assert bf16.milliseconds is not None
        assert products == [torch.float32, torch.bfloat16]
    else:
        assert (bf16.milliseconds, bf16.agreement) == (None, None)
        assert bf16.note == (
            "skipped, bfloat16 is not faster here: Some CPU has no bfloat16 instructions."
        )
        with pytest.raises(ValueError, match="skipped, bfloat16 is not faster here"):
            prepare("openvino-bf16", load(model_file, device="cpu"), Path(), None)
        assert products == [torch.float32]
        assert found.floor.bf16_milliseconds is None
    assert re.search(words, floor_text(found.floor))


@pytest.mark.slow
def test_a_benchmark_has_rows_and_a_floor(model_file):
    found = benchmark(model_file, engines=("eager", "channels_last"), size=(64, 96), repeats=1)
    assert [row.engine for row in found.rows] == ["eager", "channels_last"]
    assert found.rows[0].speed_up == 1
    assert found.rows[1].milliseconds is not None
    assert found.floor.gmac > 0.1


@pytest.mark.parametrize(
    "write",
    [
        native.write_ade20k, native.write_camvid, native.write_cityscapes, native.write_voc,
        native.write_coco_stuff, native.write_context_png,
    ],
)  # fmt: skip
def test_photos_of_a_public_layout_calibrate(write, tmp_path):
    base = write(tmp_path)
    photos = calibration_photos(str(tmp_path), "val")
    assert photos
    training = open_dataset(str(base), "train")
    assert [photo.stem for photo in photos] == [
        training.image_path(index).stem for index in range(len(training))
    ]


def test_photos_of_a_folder_without_train_are_those_of_the_split(tmp_path):
    write_folder(open_dataset("shapes", "val"), tmp_path, "all")
    photos = calibration_photos(str(tmp_path), "all")
    assert photos is not None
    assert len(photos) == 32  # of them all, evenly
    assert photos[0].parent == tmp_path / "images" / "all"
    assert calibration_photos("shapes", "val") is None


@pytest.mark.slow
def test_int8_is_measured_on_a_public_layout(tmp_path):
    pytest.importorskip("onnxruntime")
    native.write_camvid(tmp_path / "data")
    save_model(tmp_path / "m.safetensors", small(num_classes=11), vocabulary("camvid"))
    found = benchmark(
        tmp_path / "m.safetensors", engines=("onnxruntime-int8",), size=(64, 96),
        data=str(tmp_path / "data"), limit=1, repeats=1,
    )  # fmt: skip
    assert found.rows[0].note == ""
    assert found.rows[0].agreement is not None
