"""A comparison in `auto`: nothing is trained again on a machine that would choose otherwise."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from contextseg.comparison.precision import with_precisions
from contextseg.comparison.results import Comparison, Entry, write_comparison
from contextseg.comparison.runs import identity, run_folder
from contextseg.config import TrainConfig
from contextseg.config.io import write_yaml
from contextseg.training.train import LAST_MODEL
from tests.pretended import WITH, WITHOUT

AUTO = TrainConfig(device="cpu", out="nowhere")
PRECISIONS = ["32", "bf16"]


def finished(config: TrainConfig, folder: Path) -> None:
    folder.mkdir(parents=True)
    write_yaml(folder / "config.yaml", config)
    (folder / LAST_MODEL).touch()


@pytest.mark.parametrize(("capabilities", "here"), [(WITH, "bf16"), (WITHOUT, "32")])
def test_a_run_is_what_auto_resolves_to(pretended_cpu, tmp_path, capabilities, here):
    pretended_cpu(capabilities)
    assert identity(AUTO) == identity(replace(AUTO, precision=here))
    assert len({identity(replace(AUTO, precision=each)) for each in PRECISIONS}) == 2
    found = with_precisions({"a": AUTO}, tmp_path / "out", tmp_path / "runs", (0, 1))
    assert found == {"a": replace(AUTO, precision=here)}


@pytest.mark.parametrize("before", PRECISIONS)
@pytest.mark.parametrize("capabilities", [WITH, WITHOUT])
def test_finished_runs_are_recognised(pretended_cpu, tmp_path, capabilities, before):
    pretended_cpu(capabilities)
    runs = tmp_path / "runs"
    shared = replace(AUTO, precision=before, seed=1)
    finished(shared, run_folder(shared, runs))
    own = replace(AUTO, out=str(tmp_path / "own"), epochs=2)
    finished(replace(own, precision=before), tmp_path / "own")
    models = {"shared": AUTO, "own": own}
    found = with_precisions(models, tmp_path / "out", runs, (0, 1))
    assert {config.precision for config in found.values()} == {before}
    assert run_folder(found["own"], runs) == tmp_path / "own"
    other = with_precisions(models, tmp_path / "out", runs, (2,))["shared"]  # not that seed
    assert other.precision == ("bf16" if capabilities is WITH else "32")


@pytest.mark.parametrize("before", PRECISIONS)
def test_a_comparison_keeps_what_it_was_begun_with(pretended_cpu, tmp_path, before):
    pretended_cpu(WITH if before == "32" else WITHOUT)
    entry = Entry(name="a", config={"precision": before}, runs=[])
    write_comparison(tmp_path, Comparison(settings={}, classes=[], pixels=[], entries=[entry]))
    models = {"a": AUTO, "by name": replace(AUTO, precision="bf16")}
    found = with_precisions(models, tmp_path, tmp_path / "runs", None)
    assert [config.precision for config in found.values()] == [before, "bf16"]
