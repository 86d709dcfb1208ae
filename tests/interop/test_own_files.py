"""Files of this package's own where others are expected, and objects where paths are."""

from __future__ import annotations

import pytest
import torch

from contextseg import Classes, convert, load, save_pretrained
from contextseg.interop.checkpoints import read_checkpoint, unwrap
from contextseg.interop.formats import ForeignCheckpointError
from contextseg.training.run_folder import is_finished, read_log
from contextseg.weights import save_model
from tests.inference.fakes import colour_predictor
from tests.interop.conftest import small


@pytest.mark.parametrize("network", ["backbone", "conv1"])  # for segmentation, a classifier
def test_a_checkpoint_of_our_own_training_is_told_apart(tmp_path, network):
    content = {
        "pytorch-lightning_version": "2.6", "RunData": {"batches_done": 8},
        "state_dict": {f"model.{network}.weight": torch.zeros(1)},
    }  # fmt: skip
    torch.save(content, tmp_path / "last.ckpt")
    with pytest.raises(ForeignCheckpointError, match=r"last\.ckpt: it is a checkpoint to resume a"):
        convert(tmp_path / "last.ckpt", tmp_path / "x.safetensors")
    foreign = {key: value for key, value in content.items() if key != "RunData"}
    assert list(unwrap(foreign).state) == [f"model.{network}.weight"]


def test_a_model_of_ours_needs_no_conversion(model_file, tmp_path):
    with pytest.raises(ForeignCheckpointError, match="is a model of contextseg already"):
        convert(model_file, tmp_path / "x.safetensors")
    with pytest.raises(ForeignCheckpointError, match="is a folder; name the checkpoint in it"):
        read_checkpoint(tmp_path)


def test_a_predictor_is_saved_with_its_classes(model_file, tmp_path):
    predictor = load(model_file, device="cpu")
    save_pretrained(predictor, tmp_path / "own")
    saved = load(tmp_path / "own", device="cpu")
    assert saved.classes == predictor.classes
    pixels = torch.randint(0, 255, (3, 40, 48), dtype=torch.uint8)
    assert torch.equal(saved.segment(pixels).labels, predictor.segment(pixels).labels)
    save_pretrained(predictor, tmp_path / "named", classes=Classes.numbered(8))
    assert load(tmp_path / "named").classes.names[0] == "class 0"
    save_pretrained(small(), tmp_path / "network")
    assert load(tmp_path / "network").classes.num_classes == 8


@pytest.mark.slow
def test_what_cannot_be_saved_says_so(tmp_path, onnx_file):
    for predictor in (load(onnx_file), colour_predictor()):
        with pytest.raises(ValueError, match=r"save_pretrained: Predictor.* is no network for"):
            save_pretrained(predictor, tmp_path / "x")
    with pytest.raises(TypeError, match="must be a network, a predictor or a path, got dict"):
        save_pretrained({"weights": 1}, tmp_path / "x")  # type: ignore[arg-type]
    assert not (tmp_path / "x").exists()


def test_a_folder_of_models_names_one(tmp_path):
    save_model(tmp_path / "runs" / "a" / "model.safetensors", small(), Classes.numbered(8))
    with pytest.raises(FileNotFoundError, match=r"it is a folder with models in it, such as .*a\."):
        load(tmp_path / "runs")


@pytest.mark.parametrize(
    ("row", "where"),
    [
        ("2,1.0,much", "line 3, loss: must be a number, got 'much'"),
        ("two,1.0,0.5", "line 3, step: must be a number, got 'two'"),
        ("2,1.0,0.5,7", "line 3, None: must be a number"),
    ],
)
def test_a_log_with_a_value_that_is_none_is_named(tmp_path, row, where):
    (tmp_path / "config.yaml").write_text("model: {network: {name: resnet14}}\nepochs: 1\n")
    (tmp_path / "model.safetensors").touch()
    log = tmp_path / "metrics.csv"
    log.write_text(f"step,epoch,loss\n1,0.5,\n{row}\n")
    for read in (lambda: read_log(log), lambda: is_finished(tmp_path)):
        with pytest.raises(ValueError, match=f"{log}, {where}"):
            read()
    log.write_text("step,epoch,loss\n1,0.5,\n2,1.0,nan\n")
    assert [row["step"] for row in read_log(log)] == [1, 2]
