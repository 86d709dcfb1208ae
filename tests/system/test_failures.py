"""What the machine lacks, told from the many ways in which libraries say it."""

from __future__ import annotations

import errno
import pickle

import pytest
import torch

from contextseg.system import failures
from contextseg.system.failures import MachineError, kind_of, machine_failures
from tests.limited import needs_linux
from tests.processes import printed

SAID = {
    "memory": [
        MemoryError(),
        MemoryError("Caught MemoryError in DataLoader worker process 0.\nOriginal Traceback"),
        OSError(errno.ENOMEM, "Cannot allocate memory"),
        RuntimeError(
            "[enforce fail at alloc_cpu.cpp:124] err == 0. DefaultCPUAllocator: can't allocate "
            "memory: you tried to allocate 1048576 bytes. Error code 12 (Cannot allocate memory)"
        ),
        RuntimeError(
            "unable to mmap 8 bytes from file <filename not specified>: Cannot allocate memory (12)"
        ),
        RuntimeError("std::bad_alloc"),
        RuntimeError("could not create a primitive"),
        RuntimeError("could not create a memory object"),
        RuntimeError("Failed to allocate memory for requested buffer of size 4096"),
    ],
    "gpu_memory": [
        torch.OutOfMemoryError(
            "CUDA out of memory. Tried to allocate 20.00 GiB. GPU 0 has a total capacity of "
            "79.11 GiB of which 9.00 GiB is free."
        ),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    ],
    "shared_memory": [
        RuntimeError(
            "DataLoader worker (pid 7) is killed by signal: Bus error. It is possible "
            "that dataloader's workers are out of shared memory."
        ),
        RuntimeError("unable to write to file </torch_7_1_0>: No space left on device (28)"),
        RuntimeError(
            "Caught RuntimeError in DataLoader worker process 0.\nOriginal Traceback:\n"
            "unable to allocate shared memory(shm) for file </torch_7>: Success (0)"
        ),
        OSError(errno.ENOSPC, "No space left on device", "/dev/shm/sem.x"),
    ],
    "worker": [
        RuntimeError("DataLoader worker (pid 7) is killed by signal: Killed. "),
        RuntimeError("DataLoader worker (pid(s) 7, 8) exited unexpectedly"),
        RuntimeError("process 1 terminated with signal SIGKILL"),
    ],
    "files": [
        OSError(errno.EMFILE, "Too many open files", "a.png"),
        OSError("Caught OSError in DataLoader worker process 0.\n[Errno 24] Too many open files"),
        RuntimeError(
            "unable to open shared memory object </torch_7> in read-write mode: Too many "
            "open files (24)"
        ),
    ],
    "processes": [
        RuntimeError("can't start new thread"),
        BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable"),
    ],
    "disk": [
        OSError(errno.ENOSPC, "No space left on device", "runs/last.ckpt"),
        RuntimeError(
            "[enforce fail at inline_container.cc:664] . PytorchStreamWriter failed "
            "writing file data/3: file write failed"
        ),
    ],
    None: [
        RuntimeError("could not create a primitive descriptor for a convolution primitive"),
        ValueError("out of memory"),
        RuntimeError("shapes do not match"),
        RuntimeError("process 1 terminated with signal SIGABRT"),  # a fault, not a lack of memory
        FileNotFoundError(errno.ENOENT, "No such file or directory", "bad_alloc.png"),
        BlockingIOError(errno.EAGAIN, "write could not complete without blocking"),
        RuntimeError("out of resource: shared memory, Required: 262144, Hardware limit: 232448"),
    ],
}


@pytest.mark.parametrize(
    ("kind", "error"),
    [(kind, error) for kind, errors in SAID.items() for error in errors],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_what_ran_out(kind, error):
    assert kind_of(error) == kind
    with pytest.raises((MachineError, type(error))) as raised, machine_failures():
        raise error
    if kind is None:
        assert raised.value is error
    else:
        assert raised.value.kind == kind
        assert raised.value.__cause__ is error
        assert str(raised.value).endswith(".")
        assert "\n" not in str(raised.value)


def test_the_numbers_are_in_the_message(monkeypatch):
    monkeypatch.setattr(failures, "usable_memory", lambda: 3 * 2**30)
    monkeypatch.setattr(failures, "shared_memory", lambda: 2**20)
    told = {
        kind: _told(errors[-1 if kind == "shared_memory" else 0])
        for kind, errors in SAID.items()
        if kind
    }
    asked = _told(SAID["memory"][3])
    assert asked.startswith("out of memory (1.0 MiB requested, 3.0 GiB free).")
    assert "(20.00 GiB requested, the GPU has 79.11 GiB)" in told["gpu_memory"]
    assert "(1.0 MiB free)" in told["shared_memory"]
    assert "killed (signal: Killed, 3.0 GiB free)" in told["worker"]
    assert "(runs/last.ckpt)" in told["disk"]


def test_the_innermost_block_advises_and_each_adds_what_is_kept():
    with (
        pytest.raises(MachineError) as raised,
        machine_failures({"memory": "Outer."}, lambda kind: f"Kept outside: {kind}."),
        machine_failures({"memory": "Inner."}, lambda kind: "Kept inside."),
        machine_failures({"disk": "Unfit."}),
        machine_failures({"memory": "Innermost."}),
    ):
        raise MemoryError
    advice = str(raised.value).partition(". ")[2]
    assert advice == "Innermost. Kept inside. Kept outside: memory."


def test_it_travels_between_processes():
    error = pickle.loads(pickle.dumps(MachineError("out of memory.", "memory")))
    assert (str(error), error.kind) == ("out of memory.", "memory")


@pytest.mark.slow
@needs_linux
@pytest.mark.parametrize(
    ("allocation", "amount"),
    [("torch.empty(1 << 40, dtype=torch.uint8)", "1024 GiB"), ("np.ones(1 << 34)", "128. GiB")],
)
def test_real_allocations_beyond_a_limit(allocation, amount):
    said = printed(
        "import numpy as np, torch\n"
        "from contextseg.system.failures import MachineError, machine_failures\n"
        "from tests.limited import limit_memory\n"
        "limit_memory(256)\n"
        "try:\n"
        "    with machine_failures():\n"
        f"        {allocation}\n"
        "except MachineError as error:\n"
        "    print(error.kind, error)\n"
    )
    assert said.startswith(f"memory out of memory ({amount} requested, ")


def _told(error: Exception) -> str:
    with pytest.raises(MachineError) as raised, machine_failures():
        raise error
    return str(raised.value)
