"""The number format of a run: decided at its start, written down, kept when it is resumed."""

from __future__ import annotations

import logging
from dataclasses import replace

import pytest

from contextseg.config import TrainConfig
from contextseg.config.classification import ClassifierTrainConfig
from contextseg.config.io import read_yaml, write_yaml
from contextseg.recipes import ALL_RECIPES
from contextseg.training.callbacks.monitor import Progress
from contextseg.training.precision import with_precision
from contextseg.training.resume import checkpoint_of
from contextseg.training.train import train
from tests.pretended import FASTER, SLOWER, WITH, WITHOUT
from tests.training.tiny import tiny

BF16 = "Precision bf16: on Some CPU, a convolution in bfloat16 takes 0.60 times as long as in"


class StopError(Exception):
    """Ends a training."""


def stop(progress: Progress) -> None:
    if progress.batch == 2:
        raise StopError


@pytest.mark.parametrize(
    ("capabilities", "half", "expected", "told"),
    [(WITH, FASTER, "bf16", BF16), (WITHOUT, SLOWER, "32", "Precision 32: Some CPU has no bfl")],
    ids=["with bfloat16", "without"],
)
def test_a_run_says_and_writes_what_it_takes_and_keeps_it(
    data, tmp_path, pretended_cpu, caplog, capabilities, half, expected, told
):
    caplog.set_level(logging.INFO, "contextseg.system.precision")
    config = tiny(data, tmp_path / "run", epochs=1, precision="auto", checkpoint_every=1)
    pretended_cpu(capabilities, half)
    with pytest.raises(StopError):
        train(config, progress=False, watch=stop)
    assert [text.startswith(told) for text in caplog.messages if "Precision" in text] == [True]
    written = tmp_path / "run" / "config.yaml"
    assert f"precision: {expected}\n" in written.read_text().replace("'", "")

    # On a machine that would choose otherwise.
    pretended_cpu(*((WITHOUT, SLOWER) if expected == "bf16" else (WITH, FASTER)))
    result = train(config, resume=True, progress=False)
    assert result.steps == 4
    assert read_yaml(written, TrainConfig).precision == expected


def test_another_format_by_name_is_another_run(data, tmp_path):
    config = tiny(data, tmp_path / "run", precision="32")
    (tmp_path / "run").mkdir()
    write_yaml(tmp_path / "run" / "config.yaml", config)
    assert checkpoint_of(tmp_path / "run", replace(config, precision="auto"), resume=True) is None
    with pytest.raises(ValueError, match=r"other options: precision \(32 then, bf16 now\)"):
        checkpoint_of(tmp_path / "run", replace(config, precision="bf16"), resume=True)


@pytest.mark.parametrize(
    ("capabilities", "expected"), [(WITH, "bf16"), (WITHOUT, "32")], ids=["with", "without"]
)
def test_classifiers_and_old_runs(tmp_path, pretended_cpu, capabilities, expected):
    pretended_cpu(capabilities)
    config = ClassifierTrainConfig(out=str(tmp_path), device="cpu")
    assert with_precision(config).precision == expected
    for before in ("32", "bf16"):
        write_yaml(tmp_path / "config.yaml", replace(config, precision=before))
        assert with_precision(config, resume=True).precision == before
        assert with_precision(config).precision == expected
        assert with_precision(replace(config, precision=before)).precision == before


def test_no_recipe_assumes_a_processor():
    assert {recipe().precision for recipe in ALL_RECIPES.values()} == {"auto"}


def test_data_that_cannot_be_read_are_told_before_anything_is_measured(tmp_path, monkeypatch):
    def measured(*_):
        pytest.fail("the number format is chosen before the data are opened")

    monkeypatch.setattr("contextseg.training.train.with_precision", measured)
    with pytest.raises(ValueError, match="absent"):
        train(tiny(tmp_path / "absent", tmp_path / "run", precision="auto"), progress=False)
