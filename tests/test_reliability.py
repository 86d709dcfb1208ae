"""The harness of docs/reliability.md: its parts work, a failure is a failure, the page is right."""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

pytest.importorskip("starlette", reason="needs the extra app")

from benchmarks.reliability import endurance, kills, machine, page, suites
from benchmarks.reliability import signals as stops
from benchmarks.reliability.cases import Case, NotTriedError, apart, run_cases
from benchmarks.reliability.children import READY
from benchmarks.reliability.material import Work, contents, same_files
from benchmarks.reliability.rows import Row, Tally
from benchmarks.reliability.saving import Client, require_saved
from tests.limited import needs_linux
from tests.test_benchmarks import ROOT


def test_a_case_that_fails_is_reported_and_the_others_run():
    def fails(tally, until):
        for number in range(3):
            with tally.trial(f"number {number}", count=2):
                assert number == 0, "planted"
        return "three"

    def breaks(tally, until):
        raise OSError("broken")

    def misses(tally, until):
        raise NotTriedError("no such disk")

    def works(tally, until):
        with tally.trial():
            assert until > time.monotonic()

    def idles(tally, until):
        pass

    cases = [Case("area", work.__name__, work) for work in (fails, breaks, misses, works, idles)]
    rows = run_cases(cases, 60)
    assert [(row.tried, row.passed) for row in rows] == [(6, 2), (1, 0), (0, 0), (1, 1), (1, 0)]
    assert rows[0].detail.startswith("three; number 1: AssertionError: planted")
    assert "broken" in rows[1].detail
    assert rows[2].detail == "not tried: no such disk"


@pytest.fixture
def where(monkeypatch):
    """A machine that needs no second to be looked at."""
    known = {"device": "x", "cores": 2, "threads": 1, "python": "3", "torch": "2", "commit": "c"}
    monkeypatch.setattr(suites, "environment", lambda device: known | {"others": 0.5})


def test_a_suite_that_fails_itself_is_a_failure(where):
    def run(budget, seed, work):
        raise RuntimeError("planted")

    results = suites.run_suites([SimpleNamespace(NAME="own", run=run)], 1, 7)
    assert results["own"]["seed"] == 7
    (failed,) = suites.failures(results)
    assert (failed["tried"], failed["passed"]) == (1, 0)
    assert "planted" in failed["detail"]


def test_results_are_merged_and_shown(tmp_path, where):
    def suite(name, *rows):
        return SimpleNamespace(NAME=name, __doc__=f"About {name}.\n\nMore.", run=lambda *_: [*rows])

    def ran(*chosen):
        return page.merge(tmp_path / "r.json", suites.run_suites(chosen, 1, 0))

    ran(suite("one", Row("a", "b|c", 1000, 999, "old")), suite("two", Row("d", "e", 1, 1, "")))
    merged = ran(suite("one", Row("a", "b|c", 2000, 1999, "new")))
    shown = page.tables(merged)
    assert "| b\\|c | 2,000 | 1,999 | new |" in shown
    assert "| e | 1 | 1 |  |" in shown
    assert "old" not in shown
    (tmp_path / "page.md").write_text(f"before\n{page.MARKS[0]}\nx\n{page.MARKS[1]}\nafter\n")
    page.update(tmp_path / "page.md", merged)
    expected = f"before\n{page.MARKS[0]}\n{shown}\n{page.MARKS[1]}\nafter\n"
    assert (tmp_path / "page.md").read_text() == expected


def test_the_page_holds_what_was_measured():
    text = page.PAGE.read_text("utf-8")
    results = json.loads(page.RESULTS.read_text("utf-8"))
    assert f"{page.MARKS[0]}\n{page.tables(results)}\n{page.MARKS[1]}" in text
    assert page.PAGE.is_relative_to(ROOT)
    for suite in results.values():
        assert suite["where"]["commit"] != "unknown"
        assert suite["rows"]


def write_twice(out: Path) -> list[str]:
    """As the words of a command; what it does is in `pretended`."""
    return [str(out)]


def pretended(argv) -> None:
    """A command that writes two files atomically, and resumes."""
    from contextseg.system.atomic_files import write_text

    print(READY, flush=True)
    for name in ("a", "b"):
        if not (Path(argv[0]) / name).exists():
            time.sleep(0.02)
            write_text(Path(argv[0]) / name, name)
    if "planted" in argv[0]:
        (Path(argv[0]) / "b").write_text("wrong")


@pytest.fixture
def commands(monkeypatch):
    """Commands are `pretended`: real ones take seconds each."""
    monkeypatch.setattr("contextseg.cli.__main__.main", lambda argv: pretended(argv) or 0)


WORK = Work("pretended", write_twice, same_files)


def ignoring_remains(whole, other):
    left, right = ({name: text for name, text in contents(folder).items() if ".partial" not in name}
                   for folder in (whole, other))  # fmt: skip
    assert left == right


@needs_linux
def test_kills_at_points_and_moments(tmp_path, commands):
    """What `pretended` leaves behind, the check finds: it removes no remains."""
    soon, tally = time.monotonic() + 60, Tally("a", "b")
    detail = kills.at_points(WORK, tmp_path / "points", tally, soon)
    assert detail == "all points of a run"
    assert tally.tried == 2 * 3
    assert tally.passed == 2  # killed after a rename, nothing is left
    assert "more or fewer files" in tally.failure
    tally = Tally("a", "b")
    work = Work("pretended", write_twice, ignoring_remains)
    kills.at_points(work, tmp_path / "again", tally, soon)
    assert tally.passed == tally.tried == 6
    tally = Tally("a", "b")
    kills.at_moments(work, tmp_path / "moments", random.Random(0), tally, time.monotonic())
    assert tally.passed == tally.tried > 0


@needs_linux
def test_wrong_results_of_a_resumed_command_are_found(tmp_path, commands):
    tally = Tally("a", "b")
    work = Work("pretended", lambda out: [str(out).replace("points", "planted")], ignoring_remains)
    (tmp_path / "whole").mkdir()
    for name in ("a", "b"):
        (tmp_path / "whole" / name).write_text(name)
    kills.at_points(work, tmp_path, tally, time.monotonic())
    assert (tally.tried, tally.passed) == (1, 0)


@pytest.mark.parametrize(
    ("code", "said", "fault"),
    [
        (130, "contextseg predict: stopped by Ctrl-C.", None),
        (0, "done", None),
        (130, "nothing", "nothing"),
        (-15, "", "exit code -15"),
        (130, "Stopped.\nTraceback (most recent call last)", "Traceback"),
    ],
)
def test_what_a_stopped_command_must_say(tmp_path, code, said, fault):
    if fault is None:
        stops.require_orderly(code, said, tmp_path)
        (tmp_path / ".x.partial").touch()
        fault = "left over"
    with pytest.raises(AssertionError, match=fault):
        stops.require_orderly(code, said, tmp_path)


@needs_linux
def test_signals_reach_the_command(tmp_path, monkeypatch):
    def sleeps(argv):
        try:
            print(READY, flush=True)
            time.sleep(60)
        except KeyboardInterrupt:
            print("contextseg x: stopped by Ctrl-C.", flush=True)
        return 130

    monkeypatch.setattr("contextseg.cli.__main__.main", sleeps)
    (tmp_path / "whole").mkdir()
    (tmp_path / "seconds").write_text("0.2")
    work = Work("pretended", write_twice, lambda *_: None, complete=lambda folder: True)
    tally = Tally("a", "b")
    draw = random.Random(0)
    detail = stops.stopped_at_moments(work, tmp_path, (signal.SIGINT,), draw, tally, 0.0)
    assert (tally.tried, tally.passed) == (1, 1), tally.failure
    assert detail.startswith("1 were stopped")


def test_a_failure_names_no_folder_of_the_machine():
    tally = Tally("a", "b")
    with tally.trial():
        raise ValueError('/home/me/x/scores.json: 1/2 of it, File "/opt/lib/python/conv.py", 3')
    assert tally.failure.startswith('ValueError: scores.json: 1/2 of it, File "conv.py", 3')


@needs_linux
def test_few_handles_reach_the_command(tmp_path, monkeypatch):
    def opens(argv):
        held = [open(os.devnull) for _ in range(100)]  # noqa: SIM115
        return len(held)

    monkeypatch.setattr("contextseg.cli.__main__.main", opens)
    with pytest.raises(AssertionError, match="Too many open files"):
        machine._limited(WORK, tmp_path, machine._limit_files, 20, "")
    assert machine.require_told(0, "", "x") == "did its work"
    told = "contextseg train: error: the disk is full (x)."
    assert machine.require_told(2, told, "the disk is full") == "ended with a message"
    for code, said in ((2, told), (2, f"{told}\n{told}"), (1, "nothing"), (-6, "")):
        with pytest.raises(AssertionError):
            machine.require_told(code, said, "out of memory")


def test_growth_and_leaks_are_found():
    flat = [100.0, 300.0, 300.0, 301.0, 300.0, 299.0, 300.0, 300.0]
    assert abs(endurance.growth(flat)) < 1
    assert endurance.growth([float(n) for n in range(101)]) == pytest.approx(75)
    endurance.require_flat({"counts": {"threads": (3, 3)}}, 1.0, 2.0)
    with pytest.raises(AssertionError, match=r"memory grew by 3\.0 MiB"):
        endurance.require_flat({"counts": {}}, 3.0, 2.0)
    with pytest.raises(AssertionError, match="file handles: 3 before, 4 after"):
        endurance.require_flat({"counts": {"file handles": (3, 4)}}, 0.0, 2.0)


def test_a_lost_acknowledged_save_is_found(tmp_path):
    from tests.inference.batch.batches import write_images

    write_images(tmp_path / "page", 3)
    client = Client("", [])
    require_saved(tmp_path / "page", client)
    client.acknowledged["mask", 1] = bytes(33 * 40)
    with pytest.raises(AssertionError, match="mask of image 1 is not what was saved"):
        require_saved(tmp_path / "page", client)


def one_row(given: str) -> list[Row]:
    return [Row(given, f"{os.getpid()}", 1, 1, "")]


def test_rows_come_from_a_process_of_their_own(tmp_path):
    (row,) = apart(one_row, "x", save=tmp_path / "rows")
    assert row.area == "x"
    assert row.case != str(os.getpid())
    with pytest.raises(RuntimeError, match="TypeError"):
        apart(one_row, save=tmp_path / "rows")


def test_the_command_knows_its_suites():
    names = [suite.NAME for suite in suites.SUITES]
    assert len(set(names)) == len(names)
    assert {"kills", "signals", "machine", "endurance"} <= set(names)
    assert all(suite.__doc__ for suite in suites.SUITES)
    assert sys.modules["benchmarks.reliability.kills"] in suites.SUITES
