"""Cores and memory that a process may use, in containers that show more."""

from __future__ import annotations

import pytest
import torch

from contextseg.system import resources, threads
from contextseg.system.resources import in_words, usable_cores, usable_memory

GIB = 2**30


@pytest.fixture
def host(tmp_path, monkeypatch):
    """Writes what a kernel tells: 64 cores, 100 GiB available, no limit of the process itself."""
    monkeypatch.setattr(resources, "_bound_cores", lambda: 64)
    monkeypatch.setattr(resources, "_address_space_left", lambda _: None)

    def write(name: str, text: str) -> None:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    write("proc/meminfo", f"MemTotal: 1 kB\nMemAvailable: {100 * 2**20} kB\n")
    return tmp_path, write


def test_without_limits_all_of_the_machine(host):
    root, write = host
    write("proc/self/cgroup", "0::/\n")
    write("sys/fs/cgroup/cpu.max", "max 100000\n")
    write("sys/fs/cgroup/memory.max", "max\n")
    assert usable_cores(root) == 64
    assert usable_memory(root) == 100 * GIB


@pytest.mark.parametrize(("quota", "cores"), [(200_000, 2), (250_000, 3), (50_000, 1)])
def test_a_container_of_version_2(host, quota, cores):
    root, write = host
    write("proc/self/cgroup", "0::/docker/abc\n")
    write("sys/fs/cgroup/cpu.max", f"{quota} 100000\n")  # the container's own root
    write("sys/fs/cgroup/memory.max", f"{4 * GIB}\n")
    write("sys/fs/cgroup/memory.current", f"{3 * GIB}\n")
    write("sys/fs/cgroup/memory.stat", f"anon 5\ninactive_file {GIB}\n")
    assert usable_cores(root) == cores
    assert usable_memory(root) == 2 * GIB  # what only caches files is given back


def test_the_outer_group_may_be_the_tighter_one(host):
    root, write = host
    write("proc/self/cgroup", "0::/outer/inner\n")
    write("sys/fs/cgroup/outer/inner/cpu.max", "800000 100000\n")
    write("sys/fs/cgroup/outer/cpu.max", "300000 100000\n")
    assert usable_cores(root) == 3


def test_a_container_of_version_1(host):
    root, write = host
    write("proc/self/cgroup", "4:cpu,cpuacct:/job\n3:memory:/job\n")
    write("sys/fs/cgroup/cpu/job/cpu.cfs_quota_us", "400000\n")
    write("sys/fs/cgroup/cpu/job/cpu.cfs_period_us", "100000\n")
    write("sys/fs/cgroup/memory/job/memory.limit_in_bytes", f"{2 * GIB}\n")
    write("sys/fs/cgroup/memory/job/memory.usage_in_bytes", f"{GIB}\n")
    write("sys/fs/cgroup/memory/memory.limit_in_bytes", f"{2**63 - 4096}\n")  # no limit
    write("sys/fs/cgroup/memory/memory.usage_in_bytes", "0\n")
    assert usable_cores(root) == 4
    assert usable_memory(root) == GIB


def test_no_kernel_to_ask(tmp_path, monkeypatch):
    monkeypatch.setattr(resources, "_bound_cores", lambda: 8)
    monkeypatch.setattr(resources, "_address_space_left", lambda _: None)
    assert usable_cores(tmp_path) == 8
    assert usable_memory(tmp_path) is None
    assert resources.shared_memory(tmp_path / "nowhere") is None


@pytest.mark.parametrize(
    ("amount", "text"), [(100, "100 bytes"), (64 * 2**20, "64 MiB"), (3.25 * GIB, "3.2 GiB")]
)
def test_amounts_in_words(amount, text):
    assert in_words(amount) == text


@pytest.mark.parametrize(
    ("cores", "environment", "expected"),
    [
        (2, {}, [2]),
        (64, {}, []),
        (2, {"OMP_NUM_THREADS": "16"}, []),
        (2, {"MKL_NUM_THREADS": "4"}, []),
    ],
)
def test_threads_are_lowered_to_the_cores_unless_the_user_says(
    monkeypatch, cores, environment, expected
):
    lowered = []
    monkeypatch.setattr(threads, "usable_cores", lambda: cores)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 64)
    monkeypatch.setattr(torch, "set_num_threads", lowered.append)
    for name in threads.VARIABLES:
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    threads.limit_threads()
    assert lowered == expected


def test_the_size_of_the_memory_does_not_change_with_the_moment(host, monkeypatch):
    root, write = host
    monkeypatch.setattr(resources, "_address_space", lambda: None)
    write("proc/meminfo", f"MemTotal: {8 * 2**20} kB\nMemAvailable: 1 kB\n")
    assert resources.memory_size(root) == 8 * GIB
    write("proc/self/cgroup", "0::/outer/inner\n")
    write("sys/fs/cgroup/outer/memory.max", f"{4 * GIB}\n")
    write("sys/fs/cgroup/outer/memory.current", f"{3 * GIB}\n")
    assert resources.memory_size(root) == 4 * GIB
    monkeypatch.setattr(resources, "_address_space", lambda: 2 * GIB)
    assert resources.memory_size(root) == 2 * GIB
    assert resources.memory_size(root / "elsewhere") == 2 * GIB
