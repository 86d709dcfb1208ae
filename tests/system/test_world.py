"""The world as launchers describe it."""

from __future__ import annotations

import pytest

from contextseg.system.world import ALONE, World, world_of

TORCHRUN = {
    "RANK": "5", "WORLD_SIZE": "8", "LOCAL_RANK": "1", "LOCAL_WORLD_SIZE": "4", "GROUP_RANK": "1",
    "MASTER_ADDR": "10.0.0.1",
}  # fmt: skip
SRUN = {
    "SLURM_PROCID": "5", "SLURM_STEP_ID": "0", "SLURM_STEP_NUM_TASKS": "8",
    "SLURM_STEP_NUM_NODES": "2", "SLURM_LOCALID": "1", "SLURM_NODEID": "1",
}  # fmt: skip
SIXTH = World(rank=5, size=8, local_rank=1, local_size=4, node=1)


def without(variables, *names):
    return {name: value for name, value in variables.items() if name not in names}


def launched(launcher, **place):
    fields = ("rank", "size", "local_rank", "local_size", "node")
    return World(**{f: getattr(SIXTH, f) for f in fields} | place, launcher=launcher)


@pytest.mark.parametrize(
    ("environment", "world"),
    [
        ({}, World()),
        (TORCHRUN, launched("torchrun")),
        (SRUN, launched("srun")),
        (SRUN | TORCHRUN, launched("torchrun")),  # srun torchrun ...
        # An allocation's variables, as the batch script and each step see them.
        (without(SRUN, "SLURM_STEP_NUM_TASKS", "SLURM_STEP_NUM_NODES")
         | {"SLURM_NTASKS": "8", "SLURM_NNODES": "2"}, launched("srun")),
        ({"SLURM_NTASKS": "8", "SLURM_PROCID": "0", "SLURM_NNODES": "2"}, World()),  # no srun
        # One process a machine, as Kubeflow starts them.
        (without(TORCHRUN, "LOCAL_RANK", "LOCAL_WORLD_SIZE", "GROUP_RANK"),
         launched("torchrun", local_rank=0, local_size=1, node=5)),
        (TORCHRUN | {"RANK": "0", "WORLD_SIZE": "1", "LOCAL_RANK": "0", "LOCAL_WORLD_SIZE": "1"},
         World()),
        ({"RANK": "1"}, World()),  # of nothing that others could be found by
        (TORCHRUN | {ALONE: "1"}, World()),
        (SRUN | {ALONE: "1"}, World()),
        (TORCHRUN | {ALONE: "0"}, launched("torchrun")),
    ],
)  # fmt: skip
def test_environments(environment, world):
    assert world_of(environment) == world


def test_who_speaks_and_how_many_machines_there_are():
    assert world_of({}).is_first
    assert not world_of(SRUN).is_first
    assert world_of(TORCHRUN | {"RANK": "0", "LOCAL_RANK": "0", "GROUP_RANK": "0"}).is_first
    assert (world_of({}).nodes, world_of(SRUN).nodes) == (1, 2)


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        (TORCHRUN | {"RANK": "first"}, "RANK must be a number, got 'first'"),
        (TORCHRUN | {"WORLD_SIZE": ""}, "WORLD_SIZE must be a number, got ''"),
        (TORCHRUN | {"RANK": "8"}, "process 8 of 8, process 1 of 4 on its machine"),
        (TORCHRUN | {"LOCAL_RANK": "4"}, "process 5 of 8, process 4 of 4 on its machine"),
        (TORCHRUN | {"LOCAL_WORLD_SIZE": "3"}, "as many processes as the others"),
        (SRUN | {"SLURM_STEP_NUM_TASKS": "7"}, "7 tasks on 2 machines.*--ntasks-per-node"),
    ],
)
def test_variables_that_contradict_each_other(environment, message):
    with pytest.raises(ValueError, match=message):
        world_of(environment)
