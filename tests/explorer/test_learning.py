"""Learning on what is labelled: offered only if it is better, labels untouched, one message."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image

from contextseg.data.classes import Classes
from contextseg.explorer import learning, learning_job
from contextseg.explorer.annotations import AnnotationProject
from contextseg.explorer.labelled_copy import write_copy
from contextseg.explorer.learned_models import Score, keep, latest, read_score
from contextseg.explorer.learning import divided
from contextseg.inference.load import load
from contextseg.weights.model_file import save_model
from tests.explorer.conftest import L, predictor

COLORS = np.array([[20, 20, 20], [220, 30, 30], [30, 220, 30], [40, 40, 230]], np.uint8)
LONG = 300  # s, for a busy machine


@pytest.fixture
def folder(tmp_path):
    """Images whose colours are their classes, with masks; the last one is not labelled."""
    root = tmp_path / "mine"
    for part in ("images", "masks"):
        (root / part).mkdir(parents=True)
    for number in range(6):
        random = np.random.default_rng(number)
        labels = random.integers(0, L, (4, 4)).astype(np.uint8).repeat(16, 0).repeat(16, 1)
        Image.fromarray(COLORS[labels]).save(root / "images" / f"scene{number}.png")
        if number < 5:
            Image.fromarray(labels).save(root / "masks" / f"scene{number}.png")
    return root


def hashes(folder, below):
    files = sorted((folder / below).rglob("*.*"))
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def process_that(code):
    """A stand-in for the process that learns."""

    def start(folder):
        with (folder / learning.LOG).open("wb") as log:
            return subprocess.Popen(
                [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=log, stderr=log
            )

    return start


def wait(client, state="running"):
    until = time.monotonic() + LONG
    while (found := client.get("/api/learn").json())["state"] == state:
        assert time.monotonic() < until
        time.sleep(0.05)
    return found


@pytest.mark.slow  # a training in a process of its own
def test_what_was_learned_is_better_and_no_label_is_touched(annotating, folder, monkeypatch):
    monkeypatch.setattr(learning, "STEPS", 60)
    monkeypatch.setattr(learning, "NICE", 0)  # beside other tests
    before = hashes(folder, "masks")
    old = annotating.get("/api/5/logits").content
    assert annotating.get("/api/learn").json()["labelled"] == 5
    started = annotating.post("/api/learn", json={"action": "start"}).json()
    assert started["state"] == "running"
    assert (started["trained"], started["held_back"]) == (4, 1)
    assert annotating.post("/api/learn", json={"action": "start"}).status_code == 400
    found = wait(annotating)
    assert found["state"] == "better", found["message"]
    assert found["after"] > found["before"]
    assert annotating.get("/api/5/logits").content == old  # until somebody accepts
    accepted = annotating.post("/api/learn", json={"action": "accept"}).json()
    assert accepted["state"] == "accepted"
    assert annotating.get("/api/5/logits").content != old
    assert hashes(folder, "masks") == before
    kept = latest(folder)
    assert kept == folder / "annotations" / "models" / "1"
    assert read_score(kept).after == found["after"]
    assert not (folder / "annotations" / learning.WORK).exists()
    image = annotating.session.project.item(5).read()
    again = load(kept, device="cpu").inspect(image).labels()
    assert (again == annotating.session.inspection(5).labels()).all()


def test_the_job_trains_on_one_part_and_scores_on_the_other(folder, tmp_path, monkeypatch):
    project = AnnotationProject(folder, Classes.numbered(L))
    work = tmp_path / "work"
    write_copy(project, work / "data", {"train": [0, 1, 2, 3], "held_back": [4]})
    old = predictor()
    save_model(work / learning_job.OLD, old.model, old.classes)
    monkeypatch.setattr(learning_job, "_end_with_the_server", lambda: None)
    assert learning_job.main(work, 3, 0) == 0
    result = json.loads((work / learning_job.RESULT).read_text())
    new = load(work / learning_job.NEW, device="cpu")
    truth, image = project.truth(4), project.item(4).read()

    def score(model):
        labels = model.inspect(image).labels()
        present = np.unique(truth)
        both = [((labels == c) & (truth == c)).sum() / ((labels == c) | (truth == c)).sum()
                for c in present]  # fmt: skip
        return np.mean(both)

    assert result["before"] == pytest.approx(score(old))
    assert result["after"] == pytest.approx(score(new))
    progress = json.loads((work / learning_job.PROGRESS).read_text())
    assert progress["step"] == progress["steps"] == 3


def test_the_job_says_what_went_wrong(tmp_path, monkeypatch):
    monkeypatch.setattr(learning_job, "_end_with_the_server", lambda: None)
    assert learning_job.main(tmp_path, 3, 0) == 1
    result = json.loads((tmp_path / learning_job.RESULT).read_text())
    assert "old.safetensors" in result["error"]


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("print('step 1'); raise MemoryError('the memory is full')", "the memory is full"),
        ("import os; os._exit(9)", "code 9; it left no message"),
    ],
)
def test_a_crash_gives_one_message(annotating, monkeypatch, code, said):
    monkeypatch.setattr(learning, "_started", process_that(code))
    annotating.post("/api/learn", json={"action": "start"})
    found = wait(annotating)
    assert found["state"] == "failed"
    assert said in found["message"]
    assert found["message"].count("\n") == 0
    refused = annotating.post("/api/learn", json={"action": "accept"})
    assert refused.status_code == 400
    assert "better" in refused.json()["error"]


def test_a_training_can_be_stopped_and_ends_with_the_page(annotating, monkeypatch):
    waiting = "import sys; sys.stdin.read()"
    monkeypatch.setattr(learning, "_started", process_that(waiting))
    model = annotating.session.models[0]
    assert annotating.post("/api/learn", json={"action": "start"}).json()["state"] == "running"
    assert annotating.post("/api/learn", json={"action": "stop"}).json()["state"] == "stopped"
    assert annotating.session.models[0] is model
    started = []
    monkeypatch.setattr(
        learning,
        "_started",
        lambda folder: started.append(process_that(waiting)(folder)) or started[0],
    )
    annotating.post("/api/learn", json={"action": "start"})
    annotating.session.close()
    assert started[0].poll() is not None


def test_worse_models_are_not_offered(annotating, monkeypatch):
    write = (
        "import json, pathlib; pathlib.Path(r'{0}').write_text("
        "json.dumps(dict(before=0.5, after=0.5)))"
    )
    file = annotating.session.project.root / "annotations" / learning.WORK / learning_job.RESULT
    monkeypatch.setattr(learning, "_started", process_that(write.format(file)))
    annotating.post("/api/learn", json={"action": "start"})
    found = wait(annotating)
    assert found["state"] == "worse"
    assert "50.0%" in found["message"]
    assert annotating.post("/api/learn", json={"action": "accept"}).status_code == 400


def test_only_finished_images_count(annotating, folder):
    project = annotating.session.project
    assert project.finished() == [0, 1, 2, 3, 4]  # their masks were made elsewhere
    for number in (1, 2, 3):
        project.save_state(number, {"done": number == 3}, "none")
    assert project.finished() == [0, 3, 4]
    (folder / "masks" / "scene4.png").unlink()
    assert project.finished() == [0, 3]
    refused = annotating.post("/api/learn", json={"action": "start"})
    assert refused.status_code == 400
    assert "2 are" in refused.json()["error"]


def test_images_stay_in_their_part_when_more_are_labelled():
    names = [f"scene {n}" for n in range(1000)]
    parts = divided(names)
    assert sorted(parts["train"] + parts["held_back"]) == list(range(1000))
    assert 150 < len(parts["held_back"]) < 250
    held = {names[place] for place in parts["held_back"]}
    for count in (10, 100, 500):
        few = divided(names[:count])
        assert {names[place] for place in few["held_back"]} == held & set(names[:count])
    for count in range(2, 10):
        few = divided(names[:count])
        assert few["held_back"]
        assert few["train"]


def test_models_are_numbered_and_the_latest_is_found(folder, tmp_path):
    assert latest(folder) is None
    for number in range(1, 11):
        file = tmp_path / "new.safetensors"
        file.write_bytes(b"x")
        score = Score(before=0.1, after=number / 20, trained=4, held_back=1)
        assert keep(folder, file, score).name == str(number)
    found = latest(folder)
    assert found is not None
    assert found.name == "10"
    assert read_score(found).after == 0.5
    (found / "score.json").write_text("{}")
    with pytest.raises(ValueError, match=r"score\.json"):
        read_score(found)
