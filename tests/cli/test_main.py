"""The list of commands, and how mistakes end."""

from __future__ import annotations

import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from contextseg.cli import __main__ as cli
from contextseg.cli import models, predict
from contextseg.system.atomic_files import atomic_path
from contextseg.system.exclusive import exclusive


@pytest.mark.parametrize("argv", [[], ["--help"], ["-h"]])
def test_help_lists_every_command_on_one_screen(argv, capsys):
    assert cli.main(argv) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) <= 24
    assert max(map(len, lines)) <= 80
    for command in cli.COMMANDS:
        assert any(line.split()[:1] == [command] for line in lines)


@pytest.mark.parametrize(
    "line",
    [
        "--help",
        "--version",
        "train --help",
        "train --list",
        "train demo --print_config",
        "demo --help",
        "evaluate --help",
        "predict --help",
        "models",
    ],
)
def test_help_and_lists_import_no_torch(line):
    code = (
        "import sys\nfrom contextseg.cli.__main__ import main\n"
        f"try:\n    main({line.split()})\nexcept SystemExit:\n    pass\n"
        "print([m for m in ('torch', 'lightning', 'timm', 'cv2') if m in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("command", cli.COMMANDS)
def test_each_command_shows_an_example(command, capsys):
    try:
        code = cli.main([command, "--help"])
    except SystemExit as end:
        code = end.code
    assert code == 0
    text = capsys.readouterr().out
    assert f"usage: contextseg {command}" in text
    assert f"  contextseg {command}" in text.partition("example:")[2]


def test_version(capsys):
    import contextseg

    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out == f"contextseg {contextseg.__version__}\n"


def test_an_unknown_command_names_the_closest(capsys):
    assert cli.main(["predcit"]) == 2
    assert "no command 'predcit'. Did you mean predict?" in capsys.readouterr().err
    assert cli.main(["zzz"]) == 2
    assert "Commands: demo, train" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ValueError("crop is odd."), "contextseg models: error: crop is odd.\n"),
        (FileNotFoundError("no model at x"), "contextseg models: error: no model at x\n"),
        (
            FileNotFoundError(2, "No such file or directory", "a.yaml"),
            "contextseg models: error: a.yaml: No such file or directory.\n",
        ),
        (PermissionError(13, "Permission denied", "/x"), "models: error: /x: Permission denied.\n"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(error, line, monkeypatch, capsys):
    def fail(argv):
        raise error

    monkeypatch.delenv("CONTEXTSEG_DEBUG", raising=False)
    monkeypatch.setattr(models, "main", fail)
    assert cli.main(["models"]) == 2
    captured = capsys.readouterr()
    assert captured.err.endswith(line)
    assert captured.err.count("\n") == 1
    assert captured.out == ""
    with pytest.raises(type(error)):
        cli.main(["models", "--debug"])
    monkeypatch.setenv("CONTEXTSEG_DEBUG", "1")
    with pytest.raises(type(error)):
        cli.main(["models"])


def test_a_bug_is_not_hidden(monkeypatch):
    def fail(argv):
        raise ZeroDivisionError

    monkeypatch.setattr(models, "main", fail)
    with pytest.raises(ZeroDivisionError):
        cli.main(["models"])


@pytest.mark.skipif(
    sys.platform == "win32", reason="SIGTERM ends a process there, whatever it does"
)
@pytest.mark.parametrize("before", [signal.SIG_DFL, signal.SIG_IGN])
def test_sigterm_is_one_line_and_the_command_cleans_up(monkeypatch, capsys, tmp_path, before):
    """By default, it ends the process at once: temporary files and locks stay."""
    first = signal.signal(signal.SIGTERM, before)

    def run(argv):
        with exclusive(tmp_path / "out"), atomic_path(tmp_path / "out" / "file") as partial:
            signal.raise_signal(signal.SIGTERM)
            partial.write_text("done")
        return 0

    monkeypatch.setattr(predict, "main", run)
    try:
        code = cli.main(["predict"])
        assert signal.getsignal(signal.SIGTERM) is before
    finally:
        signal.signal(signal.SIGTERM, first)
    if before is signal.SIG_IGN:  # as whoever started it wished
        assert code == 0
        assert [path.name for path in (tmp_path / "out").iterdir()] == ["file"]
    else:
        assert code == 130
        assert capsys.readouterr().err == "\ncontextseg predict: stopped by SIGTERM.\n"
        assert not (tmp_path / "out").exists()


def test_commands_in_a_thread_leave_signals_alone(monkeypatch):
    monkeypatch.setattr(predict, "main", lambda argv: 0)
    with ThreadPoolExecutor(1) as pool:  # where Python lets nobody take them
        assert pool.submit(cli.main, ["predict"]).result() == 0


def test_ctrl_c_is_one_line_and_exit_code_130(monkeypatch, capsys):
    def stop(argv):
        raise KeyboardInterrupt

    monkeypatch.setattr(predict, "main", stop)
    assert cli.main(["predict"]) == 130
    assert capsys.readouterr().err == "\ncontextseg predict: stopped by Ctrl-C.\n"


def test_models_are_listed_with_their_options(capsys):
    assert cli.main(["models"]) == 0
    out = capsys.readouterr().out
    assert "encnet" in out
    assert "num_codewords" in out


def test_backbones_by_pattern(capsys):
    assert cli.main(["models", "--backbones", "resnet18*"]) == 0
    exact = capsys.readouterr().out.split()
    assert "resnet18" in exact
    assert all(name.startswith("resnet18") for name in exact)
    assert cli.main(["models", "--backbones", "mobilenetv2"]) == 0
    assert "mobilenetv2_100" in capsys.readouterr().out.split()


def test_no_backbone_of_that_name(capsys):
    assert cli.main(["models", "--backbones", "resnet_fifty"]) == 2
    assert "no backbone matches 'resnet_fifty'" in capsys.readouterr().err


def test_an_unknown_option_is_a_mistake(capsys):
    assert cli.main(["models", "--zzz"]) == 2
    assert (
        "models: error: --zzz is not an option. contextseg models --help" in capsys.readouterr().err
    )
