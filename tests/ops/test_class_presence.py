"""Class presence of label maps."""

from __future__ import annotations

import pytest
import torch

from contextseg.ops import class_presence


def test_by_hand():
    labels = torch.tensor([[[0, 2], [2, 255]], [[255, 255], [255, 255]]], dtype=torch.uint8)
    assert class_presence(labels, 4).tolist() == [[1, 0, 1, 0], [0, 0, 0, 0]]


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int64, torch.int32])
def test_equals_a_loop(dtype):
    labels = torch.randint(0, 40, (5, 4, 6)).to(dtype)
    expected = torch.tensor([[bool((image == c).any()) for c in range(30)] for image in labels])
    assert torch.equal(class_presence(labels, 30), expected)


def test_values_outside_are_no_class():
    labels = torch.tensor([[[-1, 7]]])
    assert not class_presence(labels, 7).any()


def test_a_class_of_number_255_would_be_the_ignored_label():
    assert class_presence(torch.full((1, 2, 2), 254, dtype=torch.uint8), 255)[0, 254]
