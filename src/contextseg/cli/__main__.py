"""`contextseg COMMAND ...`: list the commands, or import and run one."""

from __future__ import annotations

import importlib
import io
import os
import sys
from collections.abc import Sequence
from contextlib import nullcontext

from contextseg.cli.processes import refuse_processes, speaks
from contextseg.cli.stopping import TerminatedError, stops_at_sigterm
from contextseg.system.excerpts import abridged
from contextseg.system.failures import MachineError, machine_failures
from contextseg.system.progress import shown
from contextseg.system.terminal import printable_streams, raw

COMMANDS = {
    "demo": "train on a small sample in minutes, see the results on a web page",
    "train": "train a model from a recipe or YAML file, or resume a run",
    "recipes": "list the recipes: complete trainings by name",
    "compare": "train several models under equal conditions, report on all of them",
    "evaluate": "score a model on a data set",
    "calibrate": "make a model's confidence fit its accuracy",
    "predict": "segment images: masks, overlays, and one line of JSON each",
    "batch": "segment millions of images into archives, on one machine or many",
    "explore": "see on a page what a network sees: classes, gates, codewords, prior",
    "annotate": "label a folder of images on a page, with the proposals of a model",
    "data": "check a data set, or make one: of a folder, of annotations",
    "submit": "write the archive for a benchmark's test server",
    "convert": "convert checkpoints of other code bases, such as mmsegmentation",
    "export": "write a verified ONNX, OpenVINO or PyTorch file",
    "benchmark": "measure a model in every engine: speed, agreement, mean IoU",
    "models": "list the models and their backbones, or describe one",
}

HELP = """usage: contextseg COMMAND [options]

Semantic segmentation that understands the scene. First try: contextseg demo

commands:
{commands}

--help shows this help, contextseg COMMAND --help the options of a command.
--version shows the version, --debug the traceback of an error.
"""

SERVING = ("explore", "annotate")
"""Commands that wait for requests: no progress to report meanwhile."""
MISTAKE = 2
INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command.

    Args:
        argv: the arguments after `contextseg`; None takes those of the process.

    Returns:
        Exit code: 0 for success, 1 if part of the work failed, 2 for a mistake in the arguments,
        a file or the data or if the machine ran out of memory or the like, 130 after Ctrl-C or
        SIGTERM.
    """
    with printable_streams():
        return _main(list(sys.argv[1:] if argv is None else argv))


def _main(words: list[str]) -> int:
    debug = "--debug" in words or os.environ.get("CONTEXTSEG_DEBUG", "0") not in ("", "0")
    words = [word for word in words if word != "--debug"]
    if words[:1] == ["help"] and len(words) > 1:  # as in `git help commit`
        words = [words[1], "--help"]
    if not words or words[0] in ("-h", "--help", "help"):
        width = max(map(len, COMMANDS))
        lines = (f"  {name:{width}}  {text}" for name, text in COMMANDS.items())
        print(HELP.format(commands="\n".join(lines)), end="")
        return 0
    if words[0] in ("-V", "--version"):
        from contextseg import __version__

        print(f"contextseg {__version__}")
        return 0
    command, arguments = words[0], words[1:]
    if command not in COMMANDS:
        from contextseg.system.suggestions import did_you_mean

        advice = did_you_mean(command, COMMANDS, f"Commands: {', '.join(COMMANDS)}.")
        return _report("contextseg", f"there is no command {command!r}. {advice}")
    with stops_at_sigterm():
        return _run(command, arguments, debug)


def _run(command: str, arguments: list[str], debug: bool) -> int:
    """Run a command; a mistake, Ctrl-C or SIGTERM becomes one line and an exit code."""
    program = f"contextseg {command}"
    out = raw(sys.stdout)
    if isinstance(out, io.TextIOWrapper):  # keeps lines in order in files and pipes
        out.reconfigure(line_buffering=True)
    try:
        refuse_processes(command)
        module = importlib.import_module(f"contextseg.cli.{command}")
        showing = nullcontext() if command in SERVING else shown(program)
        with showing, machine_failures():
            return module.main(arguments)
    except KeyboardInterrupt as stop:
        if speaks(stop):
            how = "SIGTERM" if isinstance(stop, TerminatedError) else "Ctrl-C"
            print(f"\n{program}: stopped by {how}.", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # the reader of our output is gone: `contextseg models | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (ValueError, OSError, MachineError) as error:
        if debug:
            raise
        return _report(program, _message(error)) if speaks(error) else MISTAKE


def _message(error: Exception) -> str:
    if isinstance(error, OSError) and error.filename and error.strerror:
        return f"{error.filename}: {error.strerror}."
    return str(error) or type(error).__name__


def _report(program: str, message: str) -> int:
    print(f"{program}: error: {abridged(message)}", file=sys.stderr)
    return MISTAKE


if __name__ == "__main__":
    sys.exit(main())
