"""End a process that shows no sign of life any more; run as a process of its own.

    python guard.py PID SECONDS

A sign of life is anything on standard input; `q`, or the end of the input, ends the guard. A
process that is stopped (a debugger, a frozen virtual machine, SIGSTOP) cannot end itself, and the
launcher of another machine never learns of it. This file needs only Python's own library.
"""

from __future__ import annotations

import os
import signal
import sys
import threading


def main(pid: int, seconds: float) -> None:
    """Wait for signs of life; kill the process after so many seconds without."""
    sign, ended = threading.Event(), threading.Event()

    def read() -> None:
        while (told := os.read(0, 4096)) and b"q" not in told:
            sign.set()
        ended.set()
        sign.set()

    threading.Thread(target=read, daemon=True).start()
    while sign.wait(seconds):
        sign.clear()
        if ended.is_set():
            return
    if hasattr(os, "getppid") and os.getppid() != pid:  # it has ended; its own children have not
        return
    sys.stderr.write(f"process {pid} showed no sign of life for {seconds:.0f} s: ended\n")
    os.kill(pid, getattr(signal, "SIGKILL", signal.SIGTERM))


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]))
