"""A program that imports modules one after the other and tells what became of each.

`trials` runs it in a process of its own, because an import can also crash or hang. It is run by its
path and uses nothing but the standard library.
"""

import importlib
import json
import os
import sys


def main(names: list[str]) -> None:
    """Import modules; a line of JSON before each, and one after it."""
    # What the modules print themselves must not get in between.
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    for name in names:
        print(json.dumps({"begins": name}), file=out, flush=True)
        error = version = ""
        try:
            module = importlib.import_module(name)
            version = str(getattr(module, "__version__", ""))
        except BaseException as raised:  # SystemExit among them
            error = " ".join(f"{type(raised).__name__}: {raised}".split())
        print(json.dumps({"error": error, "version": version}), file=out, flush=True)
    # Without the modules' own work at the exit, in which broken ones may crash or hang.
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1:])
