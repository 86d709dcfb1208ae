""" "Same" padding in whole numbers is timm's, and keeps traced sizes simple."""

from __future__ import annotations

import itertools

import pytest
import torch
from timm.layers import create_conv2d, padding
from torch import nn
from torch.export import Dim

from contextseg.interop.export.same_padding import same_padding, whole_number_padding


@pytest.mark.parametrize("kernel", [1, 2, 3, 4, 5, 7])
def test_it_is_timms_padding_at_every_size(kernel):
    for size, stride, dilation in itertools.product(range(1, 40), (1, 2, 3, 4), (1, 2, 3)):
        expected = padding.get_same_padding(size, kernel, stride, dilation)
        assert same_padding(size, kernel, stride, dilation) == expected, (size, stride, dilation)


def test_timm_gets_its_own_back():
    original = padding.get_same_padding
    sizes = torch.arange(1, 9)
    with whole_number_padding():
        assert padding.get_same_padding is not original
        assert torch.equal(padding.get_same_padding(sizes, 3, 2, 1), original(sizes, 3, 2, 1))
    assert padding.get_same_padding is original
    with pytest.raises(KeyError), whole_number_padding():
        raise KeyError
    assert padding.get_same_padding is original


def test_sizes_do_not_grow_from_layer_to_layer():
    layers = [create_conv2d(1, 1, 3 + 2 * (i % 2), stride=2, padding="same") for i in range(5)]
    network = nn.Sequential(*layers).eval()
    any_size = {2: Dim.DYNAMIC, 3: Dim.DYNAMIC}
    image = torch.randn(1, 1, 301, 555)
    with whole_number_padding(), torch.no_grad():
        program = torch.export.export(network, (image,), dynamic_shapes=(any_size,))
    # Of timm's form, the last layer's rows alone are an expression of hundreds of operations.
    output = list(program.graph.nodes)[-1].args[0][0]
    rows = output.meta["val"].shape[2].node.expr
    assert rows.count_ops() < 30
    run = program.module(check_guards=False)
    for size in itertools.product(range(40, 45), (61, 64)):
        image = torch.randn(1, 1, *size)
        torch.testing.assert_close(run(image), network(image))
