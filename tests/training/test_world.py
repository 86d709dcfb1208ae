"""One training in several processes, whatever started them."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from contextseg.config.io import write_yaml
from contextseg.data.folder import write_folder
from contextseg.data.shapes import ShapesDataset
from contextseg.evaluation import read_scores
from contextseg.training.callbacks.provenance import read_sessions
from contextseg.training.run_folder import read_log
from contextseg.training.train import train
from tests.ranks import ended, free_port, srun, started, torchrun
from tests.training.tiny import tiny

pytestmark = pytest.mark.slow

FILES = {"config.yaml", "metrics.csv", "tensorboard", "last.ckpt", "model.safetensors",
         "scores.json", "last.safetensors", "sessions.json"}  # fmt: skip


def plain(data: Path, run: Path, **options):
    """A run whose weights do not depend on the number of processes: dropout draws by process."""
    config = tiny(data, run, **options)
    return replace(config, model=replace(config.model, dropout=0.0),
                   optim=replace(config.optim, lr=0.001))  # fmt: skip


@pytest.fixture(scope="module")
def alone(data, tmp_path_factory) -> Path:
    """The run of one process."""
    run = tmp_path_factory.mktemp("alone") / "run"
    train(plain(data, run), progress=False)
    return run


def assert_same(one: Path, other: Path) -> None:
    """The weights to what rounding in another order changes; the same images in the same order."""
    first, second = (load_file(run / "last.safetensors") for run in (one, other))
    for name in first:
        torch.testing.assert_close(first[name], second[name], rtol=1e-3, atol=1e-4, msg=name)
    rows, others = (read_log(run / "metrics.csv") for run in (one, other))
    for row, same in zip(rows, others, strict=True):
        losses = [key for key in row if key.startswith("train/") and "images" not in key]
        assert {key: row[key] for key in losses} == pytest.approx(
            {key: same[key] for key in losses}, rel=1e-3
        )
    counts = [read_scores(run / "scores.json").confusion for run in (one, other)]
    assert torch.equal(counts[0].sum(1), counts[1].sum(1))  # each validation image once


def command(*words: str) -> None:
    from contextseg.cli.__main__ import main

    sys.exit(main(words))


def run_in_processes(config, *words: str, **kinds):
    file = Path(config.out).with_suffix(".yaml")
    write_yaml(file, config)
    processes = started(command, "train", str(file), *words, **kinds)
    return processes, ended(processes)


@pytest.mark.parametrize("launcher", [torchrun, srun])
def test_processes_of_a_launcher_make_one_run(data, tmp_path, alone, launcher):
    """Though the config says one process, which is the default."""
    config = plain(data, tmp_path / "run")
    processes, (first, second) = run_in_processes(config, launcher=launcher)
    assert [each.returncode for each in processes] == [0, 0], first + second
    assert {path.name for path in (tmp_path / "run").iterdir()} == FILES
    assert_same(alone, tmp_path / "run")
    assert first.count("mean IoU") == first.count("The run is in") == 1
    assert second == ""  # no word of ours, no warning of Lightning or PyTorch
    assert "Warning" not in first
    assert "site-packages" not in first  # Lightning's warnings lack the word
    session = read_sessions(tmp_path / "run")[-1]
    assert (session["processes"], session["nodes"]) == (2, 1)


def test_two_agents_of_torchrun_make_one_run(data, tmp_path, alone):
    write_yaml(tmp_path / "run.yaml", plain(data, tmp_path / "run"))
    port = str(free_port())
    agents = [
        subprocess.Popen(
            [sys.executable, "-m", "torch.distributed.run", "--nnodes=2", "--nproc-per-node=1",
             f"--node-rank={node}", "--master-addr=127.0.0.1", f"--master-port={port}",
             "-m", "contextseg.cli", "train", str(tmp_path / "run.yaml")],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        for node in (0, 1)
    ]  # fmt: skip
    said = [agent.communicate(timeout=600)[0] for agent in agents]
    assert [agent.returncode for agent in agents] == [0, 0], said
    assert {path.name for path in (tmp_path / "run").iterdir()} == FILES
    assert_same(alone, tmp_path / "run")
    assert sum(text.count("The run is in") for text in said) == 1
    session = read_sessions(tmp_path / "run")[-1]
    assert (session["processes"], session["nodes"]) == (2, 2)


class StopError(Exception):
    """Ends a run in its middle."""


@pytest.mark.parametrize("processes", [(1, 2), (2, 1), (4, 2)], ids=str)
def test_a_run_resumes_with_another_number_of_processes(data, tmp_path, alone, processes):
    def stop(progress) -> None:
        if progress.batch == 6:
            raise StopError

    config = plain(data, tmp_path / "run", checkpoint_every=5)
    before, after = processes
    if before == 1:
        with pytest.raises(StopError):
            train(config, progress=False, watch=stop)
    else:
        file = tmp_path / "run.yaml"
        write_yaml(file, config)
        ended(started(stopped, str(file), world=before))
    resumed = replace(config, devices=after)
    assert train(resumed, resume=True, progress=False).steps == 8
    assert_same(alone, tmp_path / "run")
    assert [s["processes"] for s in read_sessions(tmp_path / "run")] == [before, after]


def stopped(file: str) -> None:
    from contextseg.config.io import read_yaml
    from contextseg.config.run import TrainConfig

    def stop(progress) -> None:
        if progress.batch == 6:
            os._exit(1)

    train(read_yaml(file, TrainConfig), progress=False, watch=stop)


@pytest.mark.parametrize("images", [1, 3])
def test_fewer_validation_images_than_processes(data, tmp_path, images):
    (tmp_path / "data").mkdir()
    for split, count in (("train", 8), ("val", images)):
        scenes = ShapesDataset(split, num_images=count, size=(48, 64))
        write_folder(scenes, tmp_path / "data", split)
    config = plain(tmp_path / "data", tmp_path / "run", epochs=1)
    processes, said = run_in_processes(config, world=4)
    assert [each.returncode for each in processes] == [0] * 4, said
    scores = read_scores(tmp_path / "run" / "scores.json")
    train(replace(config, out=str(tmp_path / "alone")), progress=False)
    same = read_scores(tmp_path / "alone" / "scores.json")
    assert torch.equal(scores.confusion.sum(1), same.confusion.sum(1))
    assert scores.presence_map == pytest.approx(same.presence_map, abs=0.02)


@pytest.mark.parametrize("scope", ["node", "none"])
def test_batch_norm_by_machine_or_by_process(data, tmp_path, alone, scope):
    """Two machines of two processes: other statistics than those of all, and one set of them."""
    config = plain(data, tmp_path / "run", sync_norm=scope, ema_decay=0.5)
    processes, said = run_in_processes(config, world=4, per_node=2)
    assert [each.returncode for each in processes] == [0] * 4, said
    first, second = (load_file(run / "last.safetensors") for run in (alone, tmp_path / "run"))
    name = "backbone.model.layer1.0.bn1.running_var"
    assert not torch.allclose(first[name], second[name], rtol=1e-3)
    scores = read_scores(tmp_path / "run" / "scores.json")
    from contextseg import evaluate

    same = evaluate(str(tmp_path / "run"), str(data), device="cpu")
    assert torch.equal(same.confusion, scores.confusion)  # all processes scored the same model


@pytest.mark.parametrize(
    ("options", "words", "message"),
    [
        ({}, ("--data.root", "nowhere"), "nowhere"),
        ({"batch_size": 3}, (), "batch_size must divide evenly over the processes, got 3"),
        ({}, ("--resume",), "there is no run to resume"),
        ({}, ("--nonsense", "1"), "nonsense"),
    ],
)
def test_a_mistake_is_reported_once_and_leaves_nothing(data, tmp_path, options, words, message):
    config = plain(data, tmp_path / "run", **options)
    processes, said = run_in_processes(config, *words)
    assert [each.returncode for each in processes] == [2, 2]
    assert message in said[0]
    assert said[0].count("error:") == 1
    assert said[1] == ""
    assert not (tmp_path / "run").exists()
