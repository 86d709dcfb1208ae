"""The trained model in `models/`: what it must be, and that it sees street scenes."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

import contextseg
from contextseg.data import open_dataset
from contextseg.evaluation import read_scores
from contextseg.system.samples import MODEL, MODELS, sample_folder, shipped_model
from contextseg.weights.model_file import model_file

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / MODEL


@pytest.fixture(scope="module")
def predictor():
    return contextseg.load(FOLDER, device="cpu")


def test_it_is_found_and_small():
    found = shipped_model()
    assert found is not None
    assert found.resolve() == FOLDER
    assert (FOLDER / "model.safetensors").stat().st_size < 12 * 2**20


def test_the_model_of_animals_scores_what_its_card_says():
    folder = ROOT / MODELS["animals"].folder
    assert (folder / "model.safetensors").stat().st_size < 12 * 2**20
    scores = read_scores(folder / "scores.json")
    seven = ("background", "cat", "dog", "cow", "horse", "sheep", "person")
    names = contextseg.load("animals").classes.names
    mean = sum(scores.iou[names.index(name)] for name in seven) / len(seven)
    row = f"| this model | {100 * mean:.1f} | {100 * scores.mean_iou:.1f} | "
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert row + f"{100 * scores.pixel_accuracy:.1f} |" in card


def test_its_short_name_is_taken_wherever_a_file_is():
    assert model_file("street").resolve() == FOLDER / "model.safetensors"


def test_it_segments_frames_that_it_has_not_seen(predictor):
    scores = contextseg.evaluate(predictor, open_dataset(str(sample_folder()), "test"))
    # Calling everything road gets 28 %; a run of minutes on the sample, 67 %.
    assert scores.pixel_accuracy > 0.8
    assert scores.mean_iou > 0.5


def test_what_has_terms_of_its_own_is_in_the_repository_alone():
    build = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]
    assert build["targets"]["wheel"]["packages"] == ["src/contextseg"]
    inside = build["targets"]["sdist"]["include"]
    for folder in ("models", "samples"):
        assert list((ROOT / folder).glob("*/LICENSE.txt"))
        assert not any(entry.lstrip("/").startswith(folder) for entry in inside)
    assert not list((ROOT / "src").rglob("*.safetensors"))
