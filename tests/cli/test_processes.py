"""Commands as one of several processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from contextseg.cli.__main__ import main
from tests.processes import SECONDS
from tests.ranks import ended, free_port, srun, started, torchrun
from tests.training.classifiers import textures_config, write_textures

pytestmark = pytest.mark.slow


def command(*words: str) -> None:
    sys.exit(main(words))


def scored(words: str, file, launcher=torchrun, world=3) -> dict:
    """Scores of several processes, which are printed and written once."""
    processes = started(command, *words.split(), "--json", str(file), world=world,
                        launcher=launcher)  # fmt: skip
    first, *others = ended(processes)
    assert [each.returncode for each in processes] == [0] * world, first
    assert first.count(f"Written to {file}.") == 1
    assert others == [""] * (world - 1)
    return json.loads(file.read_text())


@pytest.mark.parametrize("launcher", [torchrun, srun])
@pytest.mark.parametrize("limit", [5, 1])
def test_processes_score_a_model_together(model, tmp_path, launcher, limit):
    words = f"evaluate {model} shapes --split test --limit {limit} --scales 0.5 --device cpu"
    together = scored(words, tmp_path / "scores.json", launcher)
    assert main([*words.split(), "--json", str(tmp_path / "alone.json")]) == 0
    assert together == json.loads((tmp_path / "alone.json").read_text())


def test_torchrun_scores_each_image_once_and_prints_once(model, tmp_path):
    words = f"evaluate {model} shapes --split test --limit 5 --device cpu --json"
    run = f"-m torch.distributed.run --nproc-per-node=2 --master-port={free_port()}"
    done = subprocess.run(
        [sys.executable, *run.split(), "-m", "contextseg.cli", *words.split(),
         str(tmp_path / "scores.json")],
        capture_output=True, text=True, timeout=SECONDS, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("mean IoU") == done.stdout.count("Written to") == 1
    assert "Warning" not in done.stderr
    assert "site-packages" not in done.stderr
    assert main([*words.split(), str(tmp_path / "alone.json")]) == 0
    together, alone = (json.loads((tmp_path / f"{name}.json").read_text())
                       for name in ("scores", "alone"))  # fmt: skip
    assert together == alone


def test_processes_score_a_classifier_together(tmp_path):
    from contextseg import train

    data = write_textures(tmp_path / "data")
    run = train(textures_config(data, tmp_path / "run", epochs=1), progress=False).folder
    words = f"evaluate {run} {data} --flip --limit 7 --device cpu"
    together = scored(words, tmp_path / "scores.json")
    assert main([*words.split(), "--json", str(tmp_path / "alone.json")]) == 0
    assert together == json.loads((tmp_path / "alone.json").read_text())
    assert together["images"] == 7


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("nothing shapes", "nothing"),
        ("{model} nowhere", "nowhere"),
        ("{model} shapes --limit none", "--limit"),
    ],
)
def test_a_mistake_is_reported_once(model, words, message):
    processes = started(command, "evaluate", *words.format(model=model).split())
    first, second = ended(processes)
    assert [each.returncode for each in processes] == [2, 2]
    assert message in first
    assert first.count("error:") == 1
    assert second == ""


@pytest.mark.parametrize("name", ["predict", "compare", "export", "demo", "data"])
def test_the_work_of_one_process_is_refused_to_several(name):
    processes = started(command, name, "x", "y")
    said = ended(processes)
    assert [each.returncode for each in processes] == [2, 2]
    assert "torchrun started 2 processes, but this command is the work of one" in said[0]
    assert said[1] == ""


def test_contradictions_of_a_launcher_are_reported(monkeypatch, capsys):
    for name, value in (torchrun(0, 2, 1) | {"RANK": "two"}).items():
        monkeypatch.setenv(name, value)
    assert main(["models"]) == 2
    assert "RANK must be a number, got 'two'" in capsys.readouterr().err
