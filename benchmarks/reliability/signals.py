"""Commands stopped by Ctrl-C and SIGTERM at random moments, once or twice.

A command that is stopped ends with exit code 130 and one message, without a traceback, and leaves
no temporary file. Resumed, it holds what a run that was left alone holds. One that was done before
the signal came to it ends with 0.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

from benchmarks.reliability.cases import Case
from benchmarks.reliability.children import LIMIT, READY, finished, started, succeeded
from benchmarks.reliability.kills import complete
from benchmarks.reliability.material import Material, Moments, Work, single_files, works
from benchmarks.reliability.on_material import run_on_material
from benchmarks.reliability.rows import Row, Tally

NAME = "signals"
SHARE = 2.0
SIGNALS = {
    "Ctrl-C": (signal.SIGINT,),
    "SIGTERM": (signal.SIGTERM,),
    "Ctrl-C twice": (signal.SIGINT, signal.SIGINT),
}
KINDS = ("validated", "classifier")
STOPPED = 130
MOST = 12
"""Trials of one command and signal."""
NEW = f"""
import sys
from contextseg.cli import __main__ as program
first = program.refuse_processes
program.refuse_processes = lambda name: (print({READY!r}, flush=True), first(name))
sys.exit(program.main(sys.argv[1:]))
"""


def run(budget_seconds: float, seed: int, work: Path) -> list[Row]:
    """Stop each command by each signal."""
    return run_on_material(cases, budget_seconds, seed, work)


def cases(material: Material, seed: int, root: Path) -> list[Case]:
    """Every command with every signal, the page, and commands that have hardly started."""
    listed = []
    for number, work in enumerate([*works(material, KINDS), *single_files(material)]):
        for name, signals in SIGNALS.items():
            draw = random.Random(f"{seed} {work.name} {name}")
            job = partial(stopped_at_moments, work, root / f"work{number}", signals, draw)
            listed.append(Case(work.name, name, job))
    for name in ("Ctrl-C", "SIGTERM"):
        job = partial(page_stopped, material, root, SIGNALS[name][0])
        listed.append(Case("annotate", name, job, 0.5))
        draw = random.Random(f"{seed} start {name}")
        job = partial(stopped_while_starting, material, root, SIGNALS[name][0], draw)
        listed.append(Case("predict in a new interpreter", name, job))
    return listed


def stopped_at_moments(
    work: Work,
    root: Path,
    signals: tuple[signal.Signals, ...],
    draw: random.Random,
    tally: Tally,
    until: float,
) -> str:
    """Stop the work at random moments, look at what it says and leaves, resume it, compare."""
    whole = root / "whole"
    if not whole.exists():
        succeeded(work.words(whole))
        (root / "seconds").write_text(str(succeeded(work.words(root / "timed"))))
    moments = Moments(draw, float((root / "seconds").read_text()))
    stopped = 0
    while tally.tried < MOST:
        folder = root / f"stopped{signals[-1]}{len(signals)}-{tally.tried}"
        at = moments.next()
        with tally.trial(f"after {at:.2f} s"):
            process, begin = started(work.words(folder)), time.monotonic()
            time.sleep(at)
            for number in signals:
                os.kill(process.pid or 0, number)
                time.sleep(0.02)
            code, said = finished(process)
            stopped += code == STOPPED
            if code == 0:
                moments.was_done(time.monotonic() - begin)
            require_orderly(code, said, folder)
            complete(work, folder)
            work.check(whole, folder)
        shutil.rmtree(folder, ignore_errors=True)
        if time.monotonic() > until:
            break
    (root / "seconds").write_text(str(moments.seconds))
    return f"{stopped} were stopped, the others were done before"


def require_orderly(code: int | None, said: str, folder: Path) -> None:
    """Raise unless a stopped command said so once, and left nothing half done."""
    assert code in (0, STOPPED), f"exit code {code}: {said[-600:]}"
    for word in ("Traceback", "Exception ignored", "Error:"):
        assert word not in said, said[-600:]
    messages = [line for line in said.splitlines() if line.startswith("Stopped") or
                ": stopped by " in line]  # fmt: skip
    assert len(messages) == (1 if code == STOPPED else 0), said[-600:]
    left = [str(path.relative_to(folder)) for path in folder.rglob(".*")]
    assert not left, f"left over: {left}"


def page_stopped(
    material: Material, root: Path, number: signal.Signals, tally: Tally, until: float
) -> None:
    """Stop the page of `annotate`, which ends well: that is how it is ended."""
    for turn in range(MOST):
        folder = root / f"page{number}-{turn}"
        shutil.copytree(material.photos, folder)
        argv = ["annotate", str(folder), "--model", str(material.model), "--device", "cpu"]
        with tally.trial():
            process = started(argv)
            assert process.stdout.readline().startswith("http://")
            os.kill(process.pid or 0, number)
            code, said = finished(process)
            assert code == 0, f"exit code {code}: {said}"
            assert "Traceback" not in said, said
            assert not list(folder.rglob(".*"))
        shutil.rmtree(folder)
        if time.monotonic() > until:
            return


def stopped_while_starting(
    material: Material,
    root: Path,
    number: signal.Signals,
    draw: random.Random,
    tally: Tally,
    until: float,
) -> str:
    """Stop new interpreters from the first line of `main` on, mostly in imports of seconds."""
    out = root / f"new{number}"
    argv = [sys.executable, "-c", NEW, "predict", str(material.model), str(material.photos),
            "-o", str(out), "--skip-existing", "--device", "cpu"]  # fmt: skip
    seconds = 0.0
    for turn in range(MOST):
        process = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        assert process.stdout is not None
        process.stdout.readline()
        begin = time.monotonic()
        if turn == 0:
            process.communicate(timeout=LIMIT)
            seconds = time.monotonic() - begin
            continue
        at = draw.uniform(0, seconds)
        with tally.trial(f"after {at:.2f} s"):
            time.sleep(at)
            process.send_signal(number)
            said = process.communicate(timeout=LIMIT)[0].decode()
            require_orderly(process.returncode, said, out)
        if time.monotonic() > until:
            break
    return f"{seconds:.1f} s undisturbed"
