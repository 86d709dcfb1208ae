"""`contextseg export`: where it writes, and what it refuses."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from unittest.mock import Mock

import pytest

import contextseg.interop
from contextseg.cli.__main__ import main


@pytest.fixture
def calls(monkeypatch):
    """What the command calls; nothing is exported."""
    check = SimpleNamespace(sizes=((64, 96),), images=1, source="photos", agreement=1.0,
                            max_difference=0.0, largest=1.0)  # fmt: skip
    report = SimpleNamespace(path=Path("out"), bytes=1_000_000, verification=check)
    made = {name: Mock(return_value=report) for name in ("export", "export_for_server",
                                                         "export_standalone")}  # fmt: skip
    monkeypatch.setitem(vars(contextseg), "export", made["export"])
    for name in ("export_for_server", "export_standalone"):
        monkeypatch.setattr(contextseg.interop, name, made[name])
    return made


def test_each_destination_has_its_function(calls, model, tmp_path, capsys):
    out = tmp_path / "out"
    assert main(["export", str(model), "-o", f"{out}.onnx", "--input", "uint8"]) == 0
    assert calls["export"].call_args.kwargs["input"] == "uint8"
    assert main(["export", str(model), "-o", f"{out}.onnx"]) == 0
    assert calls["export"].call_args.kwargs["input"] == "normalised"
    assert main(["export", str(model), "-o", str(out), "--layout", "triton"]) == 0
    given = calls["export_for_server"].call_args
    assert given.args == (str(model), out, "triton")
    assert (given.kwargs["version"], given.kwargs["input"]) == (1, "uint8")
    words = ["--layout", "ovms", "--model-version", "4", "--input", "normalised"]
    assert main(["export", str(model), "-o", str(out), *words]) == 0
    given = calls["export_for_server"].call_args
    assert given.args[2] == "ovms"
    assert (given.kwargs["version"], given.kwargs["input"]) == (4, "normalised")
    assert main(["export", str(model), "--standalone", str(out), "--size", "64", "96"]) == 0
    given = calls["export_standalone"].call_args
    assert given.args == (str(model), str(out))
    assert given.kwargs["size"] == (64, 96)
    assert "1.0 MB, mask, fp32." in capsys.readouterr().out


def test_mistakes_are_named(calls, model, tmp_path, capsys):
    m, out = str(model), str(tmp_path / "out")
    for words, message in (
        ([m], "where to? Give either -o OUT or --standalone DIR."),
        ([m, "-o", out, "--standalone", out], "where to?"),
        ([m, "--standalone", out, "--layout", "ovms"], "choose one"),
        ([m, "-o", "x.onnx", "--model-version", "2"], "--model-version requires --layout"),
        ([m, "--standalone", out, "--to", "onnx"], "--to is for files"),
        ([m, "--standalone", out, "--input", "normalised"], "--standalone takes pixels"),
    ):
        assert main(["export", *words]) == 2
        assert message in capsys.readouterr().err
    assert not any(each.called for each in calls.values())


def test_a_screen_of_help(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit):
        main(["export", "--help"])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) <= 24
    assert max(map(len, lines)) <= 80
