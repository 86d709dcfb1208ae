"""Messages for training when the machine runs out of a resource."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path

from contextseg.config import TrainConfig
from contextseg.config.classification import ClassifierTrainConfig
from contextseg.data.wording import quoted
from contextseg.system.failures import Kind, machine_failures
from contextseg.training.run_folder import LAST

_NO_WORKERS = "With --data.workers 0, images are read in the training process and need none."

_ADVICE: dict[Kind, str] = {
    "shared_memory": f"{_NO_WORKERS} A container gets more with docker run --shm-size 2g.",
    "worker": "The system kills processes when memory runs out. With --data.workers 0, images are "
    "read in the training process, which takes less memory.",
    "files": f"{_NO_WORKERS} Or raise the limit (ulimit -n 4096).",
    "processes": f"{_NO_WORKERS} Or raise the limit (ulimit -u, or that of the container).",
    "peer": "All processes of the training end. Their own messages, or those of the system (out of "
    "memory?), may say why.",
    "disk": "Free some space.",
}
_HELPED_BY_NO_WORKERS = ("memory", "shared_memory", "worker", "files", "processes")


def training_failures(
    folder: Path, config: TrainConfig | ClassifierTrainConfig
) -> AbstractContextManager[None]:
    """Context manager that turns machine failures into one message that says how to resume.

    Args:
        folder: the run folder.
        config: the run's options.

    Raises:
        MachineError: on leaving the block, instead of the original exception.
    """

    smaller = "--batch_size"
    if isinstance(config, TrainConfig):
        smaller += " or --augment.crop"
    less = f"Train with a smaller {smaller}: a new run, which needs another --out."

    def kept(kind: Kind) -> str:
        if not (folder / LAST).is_file():
            return "There is no checkpoint yet."
        command = f"contextseg train {quoted(folder)} --resume"
        if kind in _HELPED_BY_NO_WORKERS:
            command += " --data.workers 0"
        return f"The last checkpoint is kept; resume from it: {command}"

    return machine_failures({**_ADVICE, "memory": less, "gpu_memory": less}, kept)
