"""Processes learn one step later whether one of them was asked to stop."""

from __future__ import annotations

import os

import torch
import torch.distributed as dist

from contextseg.training.callbacks.vote import Vote
from tests.ranks import ended, started


def votes(answers: list[list[bool]]) -> None:
    """Vote with the answers of this process, step by step, and print the results."""
    dist.init_process_group("gloo")
    own, vote = answers[int(os.environ["RANK"])], Vote()
    print([vote.any(yes, torch.device("cpu")) for yes in own], vote.result(), vote.result())
    dist.destroy_process_group()


def test_the_answer_is_that_of_the_step_before_in_every_process():
    answers = [[False, False, False, True], [False, True, False, False]]
    for said in ended(started(votes, answers)):
        assert "[False, False, True, False] True False" in said
