"""The guard names the works whose ratio fell by more than their noise."""

from __future__ import annotations

import json

import pytest

from benchmarks import guard
from benchmarks.expectations import Expectation, compare, expectation, of_machine


def test_noise_is_the_range_of_the_runs():
    found = expectation([4.0, 5.0, 5.5])
    assert found == Expectation(ratio=5.0, noise=0.15)
    assert found.least == pytest.approx(5.0 * 0.7)
    assert expectation([2.0, 2.0]).least == pytest.approx(1.8)  # a tenth at least is allowed
    assert Expectation(ratio=2.0, noise=3.0).least == pytest.approx(0.2)  # and never everything
    with pytest.raises(ValueError, match="at least two runs, got 1"):
        expectation([2.0])


def test_only_what_fell_by_more_than_its_noise_fell():
    quiet, loud = Expectation(ratio=10.0, noise=0.01), Expectation(ratio=10.0, noise=0.2)
    result = compare(
        {"a": 8.9, "b": 9.1, "c": 6.1, "d": 30.0, "nan": float("nan"), "new": 1.0},
        {"a": quiet, "b": quiet, "c": loud, "d": quiet, "nan": quiet, "gone": quiet},
    )
    assert result.fell == ("a", "nan")
    assert result.held == ("b", "c", "d")
    assert (result.unknown, result.missing) == (("new",), ("gone",))


@pytest.fixture
def measured(monkeypatch):
    """Sets what every measurement of a work gives, one after the other."""

    def pretend(**values: list[float]) -> dict:
        left = {name: iter(numbers) for name, numbers in values.items()}
        monkeypatch.setattr(guard, "ratio", lambda name, *_: next(left[name]))
        return {name: (name, name) for name in values}

    return pretend


def test_a_work_that_fell_is_measured_again(measured, capsys):
    expected = {name: Expectation(ratio=4.0, noise=0.0) for name in ("once", "twice")}
    assert guard.check(measured(once=[1.0, 4.1]), expected) == 0
    assert guard.check(measured(once=[4.2], twice=[1.0, 2.0]), expected) == 1
    printed = capsys.readouterr().out
    assert "2.00 x  expected 4.00, at least 3.60: FELL" in printed
    assert "1 held, 1 fell, 0 new." in printed
    assert guard.check(measured(new=[2.0]), {}) == 2


def test_what_is_recorded_is_expected_of_this_machine_alone(measured, tmp_path, monkeypatch):
    monkeypatch.setattr(guard, "EXPECTATIONS", tmp_path / "expectations.json")
    guard.record(measured(b=[1.0, 1.0]), 2, {"commit": "c"})
    guard.record(measured(a=[3.0, 5.0, 4.0]), 3, {"commit": "c"})
    content = json.loads((tmp_path / "expectations.json").read_text(encoding="utf-8"))
    assert of_machine(content, guard.machine()) == {
        "a": Expectation(ratio=4.0, noise=0.25), "b": Expectation(ratio=1.0, noise=0.0),
    }  # fmt: skip
    assert of_machine(content, "another") == {}


def test_every_operator_is_guarded_and_expected_where_one_is():
    works = dict(guard.all_works())
    assert {name.split(":")[0] for name in works} == set(guard.MODULES)
    content = guard.recorded()
    for machine in content:
        known = of_machine(content, machine).keys() & works.keys()
        assert {work.split(":")[0] for work in known} == set(guard.MODULES), machine
