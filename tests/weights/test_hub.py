"""Models as folders for the Hub: they come back as they went, with a card."""

from __future__ import annotations

import json
import os

import pytest
import torch

from contextseg import create_model, from_pretrained, load, push_to_hub, save_pretrained
from contextseg.data import open_dataset
from contextseg.data.classes import Classes
from contextseg.models.segmentation import SegmentationModel


@pytest.fixture
def model() -> SegmentationModel:
    return create_model(
        "encnet", backbone="test_resnet", num_classes=8, head_channels=8, aux_weight=0
    ).eval()


def test_a_folder_round_trip(model, tmp_path):
    classes = open_dataset("shapes", "val").classes
    folder = model.save_pretrained(tmp_path / "scenes", classes=classes, licence="apache-2.0")
    assert sorted(file.name for file in folder.iterdir()) == ["README.md", "model.safetensors"]
    back = SegmentationModel.from_pretrained(folder)
    image = torch.randn(1, 3, 64, 64)
    assert torch.equal(back(image).coarse_logits, model(image).coarse_logits)
    assert back.classes == classes
    again = back.save_pretrained(tmp_path / "again")  # the names travel with the network
    assert from_pretrained(again).classes == classes
    assert load(folder).classes == classes


def test_the_card_says_what_the_model_is(model, tmp_path):
    run = tmp_path / "run"
    model.save_pretrained(run, classes=open_dataset("shapes", "val").classes)
    scores = {"mean_iou": 0.4321, "pixel_accuracy": 0.9, "mean_accuracy": 0.5,
              "settings": {"data": "camvid", "split": "val"}}  # fmt: skip
    (run / "scores.json").write_text(json.dumps(scores))
    (run / "config.yaml").write_text("epochs: 7\n")
    card = (save_pretrained(run, tmp_path / "out", name="streets") / "README.md").read_text()
    for part in (
        "library_name: contextseg",
        "# streets",
        "| 0 | sky |",
        "43.21 %",
        "epochs: 7",
        "encnet on test_resnet",
        'contextseg.load("hf:',
        "licence of the weights is not",
    ):
        assert part in card
    assert "license:" not in card
    assert (tmp_path / "out" / "scores.json").is_file()


def test_classes_without_names_are_numbered(model, tmp_path):
    assert from_pretrained(model.save_pretrained(tmp_path)).classes == Classes.numbered(8)


def test_uploading_sends_the_folder(model, monkeypatch):
    import huggingface_hub

    sent = {}

    def upload(repo_id, folder_path, commit_message):
        sent[repo_id] = sorted(os.listdir(folder_path))
        return "https://hub/commit"

    monkeypatch.setattr(huggingface_hub, "create_repo", lambda *a, **k: None)
    monkeypatch.setattr(huggingface_hub, "upload_folder", upload)
    assert model.push_to_hub("someone/streets") == "https://hub/commit"
    assert sent == {"someone/streets": ["README.md", "model.safetensors"]}
    with pytest.raises(ValueError, match="repository must be owner/name, got 'streets'"):
        push_to_hub(model, "streets")


def test_a_name_on_the_hub_is_fetched(model, tmp_path, monkeypatch):
    import huggingface_hub

    folder = model.save_pretrained(tmp_path)
    asked = []

    def download(repository, revision, allow_patterns):
        asked.append((repository, revision))
        return str(folder)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    assert load("hf:someone/streets@v1").classes == Classes.numbered(8)
    assert from_pretrained("someone/streets").num_classes == 8
    assert asked == [("someone/streets", "v1"), ("someone/streets", None)]


def test_what_the_hub_does_not_give_is_one_sentence():
    with pytest.raises(ValueError, match=r"written hf:owner/name"):
        load("hf:streets")
    with pytest.raises(ValueError, match=r"hf:no/such: cannot download this model from the Hub"):
        load("hf:no/such")  # HF_HUB_OFFLINE
