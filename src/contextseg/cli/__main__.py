"""`contextseg COMMAND ...`: the list of commands; imports the one that is called."""

from __future__ import annotations

import importlib
import io
import os
import sys
from collections.abc import Sequence

from contextseg.cli.processes import refuse_processes, speaks
from contextseg.system.failures import MachineError, machine_failures
from contextseg.system.progress import shown

COMMANDS = {
    "demo": "train on a small sample in minutes, see the result as a web page",
    "train": "train a model by recipe or YAML file; resume a run",
    "compare": "train several models alike, write one report of them",
    "evaluate": "score a model on a data set",
    "predict": "segment images: masks, overlays, one line of JSON each",
    "data": "check a data set: layout, pairs, class frequencies, faults",
    "submit": "write what a test server takes",
    "convert": "read checkpoints of other code, such as mmsegmentation's",
    "export": "write a verified ONNX, OpenVINO or PyTorch file that runs elsewhere",
    "benchmark": "measure a model in every engine: speed, agreement, mean IoU",
    "models": "list the models and the backbones they can stand on",
}

HELP = """usage: contextseg COMMAND [options]

Semantic segmentation that understands the scene.

commands:
{commands}

options:
  --help     show this; contextseg COMMAND --help shows the options of a command
  --version  show the version
  --debug    show where in the code an error arose; so does CONTEXTSEG_DEBUG=1

example:
  contextseg demo
"""

MISTAKE = 2
INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command.

    Args:
        argv: the words after `contextseg`; those of the process when left out.

    Returns:
        Exit code: 0 for success, 1 when a part of the work failed, 2 for a mistake in the
        arguments, a file or the data, or a lack of memory or the like, 130 after Ctrl-C.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    debug = "--debug" in words or os.environ.get("CONTEXTSEG_DEBUG", "0") not in ("", "0")
    words = [word for word in words if word != "--debug"]
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

        advice = did_you_mean(command, COMMANDS, f"There are {', '.join(COMMANDS)}.")
        return _report("contextseg", f"there is no command {command!r}. {advice}")
    return _run(command, arguments, debug)


def _run(command: str, arguments: list[str], debug: bool) -> int:
    """Call a command; mistakes and Ctrl-C become one line and an exit code."""
    program = f"contextseg {command}"
    if isinstance(sys.stdout, io.TextIOWrapper):  # in files and pipes too, lines come in order
        sys.stdout.reconfigure(line_buffering=True)
    try:
        refuse_processes(command)
        module = importlib.import_module(f"contextseg.cli.{command}")
        with shown(program), machine_failures():
            return module.main(arguments)
    except KeyboardInterrupt:
        if speaks(KeyboardInterrupt()):
            print(f"\n{program}: stopped by Ctrl-C.", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # the reader of our output has gone, as in `contextseg models | head`
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
    print(f"{program}: error: {message}", file=sys.stderr)
    return MISTAKE


if __name__ == "__main__":
    sys.exit(main())
