"""Training on images of other channels and values than photos."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

import contextseg
from contextseg.config import AugmentConfig, DataConfig, ImagesConfig, TrainConfig
from contextseg.config.io import read_yaml
from contextseg.data import open_dataset
from contextseg.data.bands.statistics import channel_statistics
from contextseg.models.backbone import Backbone
from contextseg.training.normalisation import with_run_normalisation
from contextseg.training.segmentation import SegmentationTask
from contextseg.training.train import train
from contextseg.training.unused import unused_parameters
from contextseg.weights import load_model
from tests.data.bands.toy import write_array, write_bands
from tests.training.tiny import tiny, write_data

IMAGES = ImagesConfig(channels=(3, 0, 1, 2, 4), value_range=(0.0, 10_000.0))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Six bands, of which five are taken: more than OpenCV takes at once."""
    return write_bands(tmp_path_factory.mktemp("bands"), write_array, bands=6)


def five(folder, out, **options):
    data = DataConfig(root=str(folder), workers=0, channels=IMAGES.channels, value_range=(0, 1e4))
    augment = AugmentConfig(crop=(48, 64), brightness=0.1, saturation=0.1)
    options = {"epochs": 1, "batch_size": 2, "data": data, "augment": augment, **options}
    return tiny(folder, out, **options)


@pytest.fixture(scope="module")
def run(folder, tmp_path_factory):
    out = tmp_path_factory.mktemp("run") / "five"
    return train(five(folder, out), progress=False).folder


def test_a_run_writes_down_what_its_images_are(folder, run):
    written = read_yaml(run / "config.yaml", TrainConfig)
    expected = channel_statistics(open_dataset(str(folder), "train", images=IMAGES))
    assert written.model.images == IMAGES
    assert written.model.normalisation == expected
    model, _ = load_model(run)
    assert model.config.images == IMAGES
    assert model.config.normalisation == expected
    assert model.backbone.model.conv1[0].weight.shape[1] == 5


def test_several_processes_try_the_network_with_as_many_channels(run):
    task = SegmentationTask(read_yaml(run / "config.yaml", TrainConfig))
    model = task.build(fresh=False)
    assert unused_parameters(task, model, task.loss(model)) == []


def test_a_run_is_resumed_with_its_own_statistics(folder, run, tmp_path, monkeypatch):
    def fail(*_):
        raise AssertionError("they are in config.yaml")

    monkeypatch.setattr("contextseg.training.normalisation.channel_statistics", fail)
    config = read_yaml(run / "config.yaml", TrainConfig)
    bare = replace(config, model=replace(config.model, mean=None, std="auto"))
    assert with_run_normalisation(bare, resume=True).model == config.model
    fine = five(folder, tmp_path / "fine", init_from=str(run))
    assert with_run_normalisation(fine, resume=False).model.mean == config.model.mean


def test_a_model_of_other_images_is_no_start(folder, run, tmp_path):
    data = DataConfig(root=str(folder), workers=0, channels=6, percentiles=(2, 98))
    with pytest.raises(ValueError, match=r"init_from: .*conv1.*channels"):
        train(five(folder, tmp_path / "x", data=data, init_from=str(run)), progress=False)


def test_photos_may_be_normalised_by_their_own_statistics(tmp_path):
    write_data(tmp_path / "data")
    config = tiny(tmp_path / "data", tmp_path / "run")
    assert with_run_normalisation(config, resume=False).model.mean == (0.5, 0.5, 0.5)
    computed = replace(config, model=replace(config.model, mean="auto", std="auto"))
    found = with_run_normalisation(computed, resume=False).model.normalisation
    assert found == channel_statistics(open_dataset(str(tmp_path / "data"), "train"))
    half = replace(config, model=replace(config.model, mean=(0.3, 0.4, 0.5), std="auto"))
    assert with_run_normalisation(half, resume=False).model.normalisation == (
        (0.3, 0.4, 0.5), found.std,
    )  # fmt: skip


def test_what_is_no_band_data_is_refused(folder, tmp_path):
    data = DataConfig(root="shapes", channels=4)
    with pytest.raises(ValueError, match=r"synthetic scenes hold photos.*data\.channels"):
        train(five(folder, tmp_path / "x", data=data), progress=False)
    data = DataConfig(root=str(folder), workers=0)
    with pytest.raises(ValueError, match=r"there are no images in"):
        train(five(folder, tmp_path / "x", data=data), progress=False)
    data = DataConfig(root=str(folder), workers=0, channels=6)
    with pytest.raises(ValueError, match=r"\.npy: holds values .*data\.value_range.*0,10000"):
        train(five(folder, tmp_path / "x", data=data), progress=False)


def test_a_public_data_set_holds_photos(tmp_path):
    for name in ("leftImg8bit/val/x", "gtFine/val/x"):
        (tmp_path / name).mkdir(parents=True)
    with pytest.raises(ValueError, match=r"laid out as cityscapes, hold photos"):
        open_dataset(str(tmp_path), "val", "cityscapes", images=IMAGES)


@pytest.mark.parametrize("channels", [1, 2, 4, 7])
def test_pretrained_stems_are_adapted(channels, tmp_path):
    """Summed for one channel; repeated and scaled for more, so that the response stays."""
    plain = Backbone("test_resnet")
    torch.save(plain.model.state_dict(), tmp_path / "weights.pth")
    weight = plain.model.conv1[0].weight
    adapted = Backbone("test_resnet", tmp_path / "weights.pth", channels=channels)
    found = adapted.model.conv1[0].weight
    if channels == 1:
        expected = weight.sum(1, keepdim=True)
    else:
        expected = weight.repeat(1, 3, 1, 1)[:, :channels] * (3 / channels)
    torch.testing.assert_close(found, expected)
    rest = {k: v for k, v in plain.model.state_dict().items() if k != "conv1.0.weight"}
    for name, tensor in rest.items():
        assert torch.equal(adapted.model.state_dict()[name], tensor), name


@pytest.mark.parametrize(
    "backbone", ["mobilenetv2_100", "vit_tiny_patch16_224", "swin_tiny_patch4_window7_224"]
)
def test_networks_of_any_channels(backbone):
    options = {"num_classes": 3, "head_channels": 16, "aux_weight": 0}
    images = ImagesConfig(channels=5)
    model = contextseg.create_model(
        "fcn", backbone=backbone, images=images, mean=(0.5,) * 5, std=(0.2,) * 5, **options
    ).eval()
    assert model(torch.randn(1, 5, 64, 96)).logits.shape == (1, 3, 64, 96)
    with pytest.raises(ValueError, match=r"\[B, 5, height, width\]"):
        model(torch.randn(1, 3, 64, 96))
    with pytest.raises(ValueError, match="mean and std are not set"):
        contextseg.create_model("fcn", backbone=backbone, images=images, **options)
    with pytest.raises(ValueError, match="a list of 5 numbers"):
        contextseg.create_model("fcn", backbone=backbone, images=images, mean=(0.5,) * 3, **options)


def test_a_model_that_lies_about_its_images_is_refused(run, tmp_path):
    import json

    from safetensors import safe_open
    from safetensors.torch import load_file, save_file

    with safe_open(run / "model.safetensors", framework="pt") as file:
        metadata = file.metadata()
    for images, message in (
        ({"channels": 4}, "a list of 4 numbers"),
        ({"channels": 10**9}, "channels must be between"),
        ({"channels": 5, "value_range": [1, 0]}, "lowest < highest"),
    ):
        model = {**json.loads(metadata["model"]), "images": images}
        save_file(load_file(run / "model.safetensors"), tmp_path / "m.safetensors",
                  {**metadata, "model": json.dumps(model)})  # fmt: skip
        with pytest.raises(ValueError, match=message):
            contextseg.load(tmp_path / "m.safetensors")


def test_comparing_models_of_other_images_is_refused(folder, tmp_path):
    from contextseg.comparison.plan import open_data

    one = five(folder, tmp_path / "a")
    shown = replace(one, data=replace(one.data, display=(2, 1, 0)))
    assert len(open_data({"one": one, "two": shown}, "val")) == 2
    other = replace(one, data=replace(one.data, channels=6))
    with pytest.raises(ValueError, match=r"different images .*one: images of 5.*two: images of 6"):
        open_data({"one": one, "two": other}, "val")
