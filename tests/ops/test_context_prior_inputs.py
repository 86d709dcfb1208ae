"""What the context prior refuses, in which words."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from contextseg.ops.context_prior import PriorNorm, context_prior


def inputs() -> dict[str, Tensor | PriorNorm]:
    norm = PriorNorm(torch.ones(6), torch.zeros(6), torch.zeros(6), torch.ones(6))
    return {
        "features": torch.zeros(2, 5, 4),
        "weight": torch.zeros(6, 4),
        "norm": norm,
        "values": torch.zeros(2, 6, 3),
    }


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"features": torch.zeros(5, 4)}, r"features must be \[B, N, C\], got \[5, 4\]"),
        ({"groups": 3}, r"groups must divide channels and keys, got 3 for features \[2, 5, 4\]"),
        ({"groups": 0}, "groups must divide channels and keys, got 0"),
        ({"groups": 2}, r"C // groups = 2 as in features \[2, 5, 4\], got \[6, 4\]"),
        ({"weight": torch.zeros(6, 5)}, r"C // groups = 4 .* got \[6, 5\]"),
        ({"values": torch.zeros(2, 5, 3)}, r"M = 6 as in weight \[6, 4\], got \[2, 5, 3\]"),
        ({"values": torch.zeros(6, 3)}, r"values must be \[B, M, D\] .* got \[6, 3\]"),
        ({"labels": torch.zeros(2, 5).long()}, "5 queries and 6 keys need labels each"),
        (
            {"labels": torch.zeros(2, 4).long(), "key_labels": torch.zeros(2, 6).long()},
            r"labels must be \[2, 5\], got \[2, 4\]",
        ),
        (
            {"labels": torch.zeros(2, 5).long(), "key_labels": torch.zeros(1, 6).long()},
            r"key_labels must be \[2, 6\], got \[1, 6\]",
        ),
        ({"key_labels": torch.zeros(2, 6).long()}, "key_labels need labels of the queries too"),
        ({"void": "class"}, "void must be mask or as_class, got 'class'"),
        ({"diagonal": "drop"}, "diagonal must be keep or remove, got 'drop'"),
        ({"diagonal": "remove"}, "needs as many queries as keys, got 5 and 6"),
        ({"impl": "quick"}, "impl must be one of auto, reference, eager, fused, got 'quick'"),
    ],
)
def test_wrong_inputs(changes, message):
    with pytest.raises(ValueError, match=message):
        context_prior(**(inputs() | changes))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"weight": torch.ones(5)}, r"norm.weight must be \[M\] with M = 6 .* got \[5\]"),
        ({"running_var": torch.ones(7)}, r"norm.running_var must be \[M\] .* got \[7\]"),
        ({"running_mean": None}, "needs running_mean and running_var unless training=True"),
    ],
)
def test_wrong_norm(change, message):
    given = inputs()
    given["norm"] = given["norm"]._replace(**change)
    with pytest.raises(ValueError, match=message):
        context_prior(**given)


def test_wrong_dtypes():
    with pytest.raises(TypeError, match=r"features must be floating point, got torch.int64"):
        context_prior(**(inputs() | {"features": torch.zeros(2, 5, 4).long()}))
    labels = {"labels": torch.zeros(2, 5).long(), "key_labels": torch.zeros(2, 6)}
    with pytest.raises(TypeError, match=r"key_labels must be integer, got torch.float32"):
        context_prior(**(inputs() | labels))
