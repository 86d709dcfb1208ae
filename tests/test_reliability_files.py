"""The suites about data and files: a few cases of each, and a planted miss is counted as one."""

from __future__ import annotations

import copy
import os
import random
import shutil
from pathlib import Path

import pytest
import torch

from benchmarks.reliability import fuzzing, hostile, numbers, planted
from benchmarks.reliability.extremes.counts import COUNTS
from benchmarks.reliability.extremes.ops import OPS, Op
from benchmarks.reliability.fuzz import mutation, text_targets
from benchmarks.reliability.fuzz.children import run_all
from benchmarks.reliability.fuzz.engine import Target, fuzz
from benchmarks.reliability.planting.base import Fault, NotPlantedError, write_base
from benchmarks.reliability.planting.export_faults import FAULTS as EXPORTS
from benchmarks.reliability.planting.folder_faults import FAULTS
from benchmarks.reliability.planting.layout_faults import LAYOUTS, faults_of
from benchmarks.reliability.planting.valid import VALID
from tests.hostile.corpus import Outcome

SEEDS = (b"one 1", b"two 22")


def test_there_are_as_many_kinds_as_the_page_says():
    kinds = [*FAULTS, *(f for layout in LAYOUTS for f in faults_of(layout)),
             *(f for faults in EXPORTS.values() for f in faults)]  # fmt: skip
    assert len(kinds) >= 150
    assert len({fault.kind for fault in kinds}) >= 60
    assert len(VALID) >= 20
    assert len(COUNTS) >= 60


def test_a_fault_that_nobody_names_is_a_miss(tmp_path):
    base = write_base(tmp_path / "base")
    named = next(fault for fault in FAULTS if fault.kind == "an unknown id")
    missed = Fault("nothing", lambda root: None, "train3.png", "id 200")
    otherwise = Fault("of another file", named.plant, "train4.png", named.words)

    def refuse(root: Path) -> None:
        raise NotPlantedError("a superuser")

    faults = [named, missed, otherwise, Fault("not here", refuse, "", "")]
    row = planted.row_of("mine", faults, lambda root: shutil.copytree(base, root),
                         planted.checked, tmp_path)  # fmt: skip
    assert (row.tried, row.passed) == (3, 1)
    assert row.detail.startswith("1 named, 2 missed; not planted: not here: a superuser; nothing:")
    variants = {"right": VALID["lists with CR and LF"], "wrong": named.plant}
    row = planted.alarms(variants, base, tmp_path)
    assert (row.tried, row.passed) == (2, 1)
    assert "1 false alarms; wrong: " in row.detail
    assert sorted(path.name for path in tmp_path.iterdir()) == ["base"]


FAIR = Outcome("a.png", "predict", 2, 0.1, 3.0, "contextseg predict: error: a.png: no.")


@pytest.mark.parametrize(
    ("outcome", "is_fair"),
    [
        (FAIR, True),
        (Outcome("a.png", "predict", 1, 0, 0, FAIR.said), False),
        (Outcome("a.png", "predict", 1, 0, 0, "None.\n1 failed:\n  a.png: no."), True),
        (Outcome("a.png", "predict", 2, 0, 0, FAIR.said + "\nTraceback (most"), False),
        (Outcome("a.png", "predict", 2, 0, 0, f"{FAIR.said}\n{FAIR.said}"), False),
        (Outcome("a.png", "predict", 2, 99, 0, FAIR.said), False),
        (Outcome("b.png", "predict", 2, 0, 0, FAIR.said), False),
        (Outcome("a.png", "predict", 2, 0, 0, "x: error: a.png: out of memory"), False),
        (Outcome("a.png", "predict", 0, 0, 0, ""), False),
    ],
)
def test_a_file_that_is_not_refused_as_it_should_be_is_a_failure(outcome, is_fair):
    row = hostile.row_of("yaml_files", [FAIR, outcome], "", has_run=False)
    assert (row.tried, row.passed) == (2, 1 + is_fair)


def test_code_that_was_run_and_a_process_that_ended_are_failures():
    for reason, has_run in (("-9: killed", False), ("", True)):
        row = hostile.row_of("weights", [FAIR], reason, has_run)
        assert (row.tried, row.passed) == (2, 1)
        assert "1 files; at most 3 MiB" in row.detail


def strict(content: bytes) -> int:
    text = content.decode()
    return {"one": 1, "two": 2}[text.split()[0]] + int(text.split()[1])


def test_the_fuzzer_counts_values_refusals_and_crashes_and_repeats_itself():
    target = Target("strict", strict, mutation.of_bytes(SEEDS))
    first, second = (fuzz(target, 60, seed=3, most=400) for _ in range(2))
    failed = sum(first.crashes.values())
    assert first.cases == 400 == first.values + first.refused + failed
    assert min(first.values, first.refused, failed) > 0
    assert {where.split(" in ")[0] for where in first.crashes} == {"KeyError", "IndexError"}
    assert (first.crashes, first.examples) == (second.crashes, second.examples)
    row = fuzzing.row_of("area", first)
    assert (row.tried, row.passed) == (400, 400 - failed)
    number, content = next(iter(first.examples.values()))
    assert target.mutation(random.Random(3 << 40 | number)) == content
    assert fuzz(target, 60, seed=3, most=1, first=number).crashes


def test_values_of_json_do_not_change_as_they_are_used():
    before = copy.deepcopy(mutation.VALUES)
    mutated = mutation.of_json([{"a": [1, {"b": 2}]}])
    for number in range(2000):
        mutated(random.Random(number))
    assert repr(mutation.VALUES) == repr(before)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the fuzzer's children are forks")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded")
def test_a_parser_that_kills_its_process_is_a_crash_and_the_others_go_on():
    def hang(content: bytes) -> None:
        os._exit(9)

    one, other = (Target(name, strict, mutation.of_bytes(SEEDS)) for name in ("one", "other"))
    found = run_all([one, Target("dies", hang, mutation.of_bytes(SEEDS)), other], 60, 0, most=9,
                    workers=1)  # fmt: skip
    assert [outcome.name for outcome in found] == ["one", "dies", "other"]
    assert [outcome.cases for outcome in found] == [9, 1, 9]
    assert list(found[1].crashes) == ["the process ended with 9"]


def test_a_few_cases_of_parsers_of_text(tmp_path):
    for target in text_targets.targets(tmp_path):
        outcome = fuzz(target, 60, seed=1, most=10)
        assert (outcome.cases, outcome.crashes) == (10, {}), target.name


def test_a_result_that_is_no_number_is_a_failure():
    values = {name: fill for name, fill in numbers.FINITE.items() if name in ("ordinary", "1e38")}
    (entropy,) = (op for op in OPS if op.name == "cross-entropy")
    row = numbers.finite_row(entropy, values)
    assert row.passed == row.tried == 5  # half precision does not hold 1e38

    def square(x: torch.Tensor, form: str) -> list[torch.Tensor]:
        return [x.float() ** 2 / x.float().abs() if form == "eager" else x.abs()]

    row = numbers.finite_row(Op("square", (2, 3), square), values)
    assert (row.tried, row.passed) == (5, 3)
    assert "a result is inf where the formula gives" in row.detail

    def mixed(x: torch.Tensor, form: str) -> list[torch.Tensor]:
        return [x + 0 * x.sum()]

    row = numbers.other_row(Op("mixed", (2, 3), mixed), {"a NaN": numbers.OTHERS["a NaN"]})
    assert (row.tried, row.passed) == (3, 0)
    assert "the other image changed" in row.detail
