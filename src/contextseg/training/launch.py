"""Start the processes of a training that no launcher started, and wait for them.

Each runs `train` as under torchrun, with the same environment variables. This process trains
nothing itself: it hands Ctrl-C on, and returns what the first process returns or raises.
"""

from __future__ import annotations

import logging
import os
import pickle
import socket
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from torch.multiprocessing.spawn import (
    ProcessContext,
    ProcessException,
    ProcessExitedException,
    start_processes,
)

from contextseg.config import TrainConfig
from contextseg.config.classification import ClassifierTrainConfig
from contextseg.system.failures import MachineError
from contextseg.system.first_process import TOLD_BY_FIRST, portable
from contextseg.system.world import ALONE
from contextseg.training.callbacks.stop import InterruptedRunError, hand_on_signals
from contextseg.training.failures import training_failures

GRACE = 5.0
"""Seconds that processes have to end by themselves once one has failed; then they are stopped, and
after as many again killed."""
LOST = "another training process was lost"


def in_processes(config: TrainConfig | ClassifierTrainConfig, work: Callable[[], Any]) -> Any:
    """Call `work` in `config.devices` processes on this machine; return what the first returns.

    The first Ctrl-C or SIGTERM goes on to them, a second one ends them at once. None is returned
    where the first one ended them before they could return anything.

    With `config.nodes` above 1, those of every machine work together: each machine runs the same
    command with `MASTER_ADDR`, `MASTER_PORT` and its number `NODE_RANK` in the environment.

    Args:
        config: a training.
        work: can be pickled, as can what it returns.

    Raises:
        ValueError: the variables of several machines are missing, or `work` cannot be pickled.
        MachineError: a process was killed.
        Exception: what a process raised.
    """
    variables = _variables(config.devices, config.nodes)
    with tempfile.TemporaryDirectory(prefix="contextseg-") as folder:
        try:
            context = start_processes(
                _process,
                args=(folder, variables, _levels(), work),
                nprocs=config.devices,
                join=False,
            )
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            raise ValueError(
                f"the training processes cannot get `watch` or `callbacks`: {error}. With several "
                f"devices, a watcher must be a function of a module, or an object that can be "
                f"pickled, as callbacks must."
            ) from error
        assert isinstance(context, ProcessContext)
        killed, processes = None, cast(Sequence[Any], context.processes)
        with hand_on_signals(processes) as asked:
            try:
                while not context.join(grace_period=GRACE):
                    pass
            except ProcessException as failure:
                killed = failure
            except InterruptedRunError:  # the second signal, which has killed them
                for process in processes:
                    process.join()
                return None
        outcomes = [_read(Path(folder) / str(rank)) for rank in range(config.devices)]
    if killed is None:
        return outcomes[0][1]
    errors = [e for e, _ in outcomes if e is not None and not isinstance(e, KeyboardInterrupt)]
    own = [error for error in errors if getattr(error, "kind", None) != "peer"]
    if own:  # the others only saw that process go
        raise own[0]
    if asked():  # before they could stop by themselves
        return None
    reason = _reason(killed)
    if reason is None and errors:
        raise errors[0]
    with training_failures(Path(config.out), config):
        raise reason or RuntimeError(
            f"{killed}. A script must call train behind `if __name__ == '__main__':`, because the "
            f"processes that it starts import it."
        )


def _reason(killed: ProcessException) -> RuntimeError | None:
    """The signal that ended a process, if it was one."""
    if isinstance(killed, ProcessExitedException) and killed.signal_name:
        number, by = killed.error_index, killed.signal_name
        return RuntimeError(f"training process {number} was ended by {by}")
    return None


def _variables(devices: int, nodes: int) -> dict[str, str]:
    """What every process of this machine needs to find the others, as torchrun sets it."""
    node = 0
    if nodes == 1:
        address, port = "127.0.0.1", str(_free_port())
    else:
        missing = [name for name in ("MASTER_ADDR", "MASTER_PORT", "NODE_RANK")
                   if not os.environ.get(name)]  # fmt: skip
        if missing:
            raise ValueError(
                f"nodes is {nodes}, but the environment lacks {', '.join(missing)}. Start the "
                f"command on each machine with torchrun or srun, or with the address and a free "
                f"port of the first machine and the number of this one (docs/scaling.md)."
            )
        address, port = os.environ["MASTER_ADDR"], os.environ["MASTER_PORT"]
        node = int(os.environ["NODE_RANK"])
    return {
        "MASTER_ADDR": address,
        "MASTER_PORT": port,
        "WORLD_SIZE": str(devices * nodes),
        "LOCAL_WORLD_SIZE": str(devices),
        "GROUP_RANK": str(node),
    }


def _process(
    local_rank: int,
    folder: str,
    variables: Mapping[str, str],
    levels: Mapping[str, int],
    work: Callable[[], Any],
) -> None:
    """One of the processes: leaves what `work` returned or raised in a file."""
    if hasattr(os, "setpgid"):  # Ctrl-C comes from the parent alone, and once
        os.setpgid(0, 0)
    rank = int(variables["GROUP_RANK"]) * int(variables["LOCAL_WORLD_SIZE"]) + local_rank
    for name in (ALONE, *(name for name in os.environ if name.startswith("TORCHELASTIC"))):
        os.environ.pop(name, None)  # of a launcher around this process
    os.environ |= variables
    os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(local_rank)}
    logging.basicConfig(format="%(message)s")
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)
    error = value = None
    try:
        value = work()
    except (Exception, KeyboardInterrupt) as raised:
        error = raised
        if TOLD_BY_FIRST in getattr(raised, "__notes__", ()):
            error = MachineError(LOST, "peer")  # the first process tells
    outcome = (portable(error), value if local_rank == 0 else None)
    (Path(folder) / str(local_rank)).write_bytes(pickle.dumps(outcome))
    if error is not None:
        sys.exit(1)


def _read(file: Path) -> tuple[BaseException | None, Any]:
    return pickle.loads(file.read_bytes()) if file.is_file() else (None, None)


def _levels() -> dict[str, int]:
    """The levels that the program has set for loggers of the library."""
    loggers = logging.root.manager.loggerDict.items()
    return {
        name: logger.level
        for name, logger in loggers
        if name.startswith("contextseg") and isinstance(logger, logging.Logger) and logger.level
    }


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]
