"""Weights & Biases and MLflow, both without a network."""

from __future__ import annotations

import json
import os
import signal
import socket
import struct
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from contextseg.cli.__main__ import main
from contextseg.config import TrainConfig
from contextseg.config.io import from_dict
from contextseg.system import extras
from contextseg.training import loggers
from contextseg.training.callbacks.monitor import Progress
from contextseg.training.train import train
from tests.training.tiny import tiny

BLOCK = 32768
"""Bytes of a block of LevelDB's logs."""
NEEDS_WANDB = "needs wandb: pip install 'contextseg[wandb]'"
NEEDS_MLFLOW = "needs mlflow: pip install 'contextseg[mlflow]'"


@pytest.fixture
def no_network(monkeypatch):
    """Fails on any look-up of a host; the libraries' own variables are unset."""

    def refuse(host, *arguments, **options):
        raise AssertionError(f"looked for {host}")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    for name in (*loggers.QUIET, "MLFLOW_TRACKING_URI", "WANDB_PROJECT", "WANDB_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    yield
    for name in loggers.QUIET:  # set by the run, which monkeypatch does not know of
        os.environ.pop(name, None)


def stop(progress: Progress) -> None:
    if progress.batch == 5:
        os.kill(os.getpid(), signal.SIGTERM)


def twice(data: Path, out: Path, name: str) -> str:
    """Train, stop, resume; returns what the library calls the run."""
    config = tiny(data, out, logger=(name,))
    assert train(config, progress=False, watch=stop).interrupted
    first = json.loads((out / "loggers.json").read_text())
    assert not train(config, resume=True, progress=False).interrupted
    assert json.loads((out / "loggers.json").read_text()) == first
    return first[name]


def records(content: bytes) -> Iterator[bytes]:
    """The records of a file in the format of LevelDB's logs, which begins with seven bytes."""
    place, whole = 7, b""
    while place + 7 <= len(content):
        left = BLOCK - place % BLOCK
        if left < 7:  # too short for a header: padding
            place += left
            continue
        _, length, kind = struct.unpack_from("<IHB", content, place)
        whole += content[place + 7 : place + 7 + length]
        place += 7 + length
        if kind in (1, 4):  # all of a record, or its last part
            yield whole
            whole = b""


@pytest.mark.slow
def test_weights_and_biases_writes_into_the_run_folder_and_sends_nothing(
    data, tmp_path, no_network, caplog
):
    pytest.importorskip("wandb", reason=NEEDS_WANDB)
    from wandb.proto.wandb_internal_pb2 import Record

    run = twice(data, tmp_path / "run", "wandb")
    files = sorted((tmp_path / "run" / "wandb").glob(f"offline-run-*-{run}/run-{run}.wandb"))
    assert len(files) == 2  # offline, a resumed run is a second part of the same run
    assert "nothing is sent" in caplog.text
    seen: dict[int, dict[str, float]] = {}
    options: dict[str, str] = {}
    for file in files:
        for text in records(file.read_bytes()):
            record = Record()
            record.ParseFromString(text)
            for each in (*record.run.config.update, *record.config.update):
                options[each.key or ".".join(each.nested_key)] = each.value_json
            values = {item.key or item.nested_key[0]: item.value_json
                      for item in record.history.item}  # fmt: skip
            if "trainer/global_step" in values:
                step = json.loads(values["trainer/global_step"])
                seen.setdefault(step, {}).update({k: json.loads(v) for k, v in values.items()})
    assert {2, 4, 6, 8} <= set(seen)
    assert {"train/loss", "lr", "epoch"} <= set(seen[8])
    assert any("val/mean_iou" in row for row in seen.values())
    assert options["optim.lr"] == "0.01"


@pytest.mark.slow
def test_mlflow_continues_the_run_in_a_file_beside_the_folder(data, tmp_path, no_network):
    pytest.importorskip("mlflow", reason=NEEDS_MLFLOW)
    pytest.importorskip("sqlalchemy", reason=NEEDS_MLFLOW)
    from mlflow.tracking import MlflowClient

    run = twice(data, tmp_path / "run", "mlflow")
    client = MlflowClient(f"sqlite:///{(tmp_path / 'mlflow.db').as_posix()}")
    found = client.get_run(run)
    assert found.info.status == "FINISHED"
    assert found.info.run_name == "run"
    assert found.data.params["optim.lr"] == "0.01"
    assert {each.step for each in client.get_metric_history(run, "train/loss")} == {2, 4, 6, 8}
    assert {each.step for each in client.get_metric_history(run, "val/mean_iou")} == {4, 8}


@pytest.mark.parametrize("name", ["wandb", "mlflow"])
def test_a_missing_library_is_named_with_its_extra(data, tmp_path, monkeypatch, name):
    monkeypatch.setattr(extras, "find_spec", lambda p: None if p == name else find_spec(p))
    with pytest.raises(ValueError, match=rf"needs {name}: pip install 'contextseg\[{name}\]'"):
        train(tiny(data, tmp_path / "run", logger=(name,)), progress=False)


def test_names_of_loggers():
    with pytest.raises(ValueError, match=r"there is no logger 'wandbb'\. Did you mean wandb"):
        TrainConfig(logger=("wandbb",))
    with pytest.raises(ValueError, match="logger names a logger twice"):
        TrainConfig(logger=("wandb", "wandb"))
    with pytest.raises(ValueError, match="logger must be a tuple"):
        TrainConfig(logger="wandb")
    with pytest.raises(ValueError, match="logger must be a list of 'wandb' or 'mlflow'"):
        from_dict(TrainConfig, {"logger": ["csv"]})
    assert from_dict(TrainConfig, {"logger": ["wandb"]}).logger == ("wandb",)


@pytest.mark.parametrize(("word", "line"), [
    ("wandb", "logger: [wandb]"), ("wandb,mlflow", "logger: [wandb, mlflow]"), ("", "logger: []"),
])  # fmt: skip
def test_the_command_takes_several(word, line, capsys):
    assert main(["train", "encnet_shapes", "--logger", word, "--print_config"]) == 0
    assert line in capsys.readouterr().out


def test_no_logger_leaves_no_trace(data, tmp_path):
    train(tiny(data, tmp_path / "run", epochs=1), progress=False)
    assert not (tmp_path / "run" / "loggers.json").exists()
    assert not (tmp_path / "mlflow.db").exists()
