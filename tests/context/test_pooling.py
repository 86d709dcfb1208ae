"""Pyramid pooling, ASPP, and the norm of their pooled branches."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from contextseg.context.aspp import ASPP
from contextseg.context.pooled_norm import PooledBatchNorm2d
from contextseg.context.pyramid_pooling import PyramidPooling, region_means

BINS = (1, 2, 3, 6)


@pytest.mark.parametrize("size", [(12, 18), (7, 13), (25, 42), (6, 6), (4, 5), (1, 1)])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_region_means_are_adaptive_pooling(size, layout):
    features = torch.randn(2, 3, *size, dtype=torch.float64).contiguous(memory_format=layout)
    for number, means in zip(BINS, region_means(features, BINS), strict=True):
        torch.testing.assert_close(means, F.adaptive_avg_pool2d(features, number))


def test_region_means_of_half_precision():
    features = torch.rand(1, 4, 33, 47)
    with torch.autocast("cpu", torch.bfloat16):
        means = region_means(features, BINS)
    assert means[3].dtype == torch.bfloat16
    torch.testing.assert_close(
        means[3].float(), F.adaptive_avg_pool2d(features, 6), rtol=0.01, atol=0
    )


@pytest.mark.parametrize("align_corners", [False, True])
def test_pyramid_pooling_is_the_paper_s_formula(align_corners):
    module = PyramidPooling(8, 5, align_corners=align_corners).double()
    features = torch.randn(2, 8, 9, 14, dtype=torch.float64)
    maps = [features]
    for branch, number in zip(module.branches, BINS, strict=True):
        pooled = branch(F.adaptive_avg_pool2d(features, number))
        maps.append(F.interpolate(pooled, (9, 14), mode="bilinear", align_corners=align_corners))
    torch.testing.assert_close(module(features), module.fusion(torch.cat(maps, 1)))
    assert [branch[0].out_channels for branch in module.branches] == [2, 2, 2, 2]


def test_aspp_sees_as_far_as_its_rates_and_the_whole_image():
    module = ASPP(2, 4, stride=16).eval()
    assert module.dilations == (6, 12, 18)
    features = torch.randn(1, 2, 41, 41, requires_grad=True)
    for branch, dilation in zip(module.branches[1:], module.dilations, strict=True):
        (grad,) = torch.autograd.grad(branch[0](features)[0, 0, 20, 20], features)
        rows = grad[0, 0].abs().sum(1).nonzero().flatten().tolist()
        assert rows == [20 - dilation, 20, 20 + dilation]
    image = module.image(features.mean((2, 3), keepdim=True))
    maps = [branch(features) for branch in module.branches] + [image.repeat(1, 1, 41, 41)]
    torch.testing.assert_close(module(features), module.fusion(torch.cat(maps, 1)))


@pytest.mark.parametrize(("stride", "dilations"), [(8, (12, 24, 36)), (32, (3, 6, 9)),
                                                   (256, (1, 1, 1))])  # fmt: skip
def test_rates_are_those_of_stride_8(stride, dilations):
    assert ASPP(1, 1, stride).dilations == dilations


def test_one_value_is_normalised_as_in_eval_mode_and_then_counted():
    norm = PooledBatchNorm2d(3)
    nn.init.uniform_(norm.running_mean)
    nn.init.uniform_(norm.running_var, 0.5, 2)
    nn.init.uniform_(norm.weight)
    value = torch.randn(1, 3, 1, 1, requires_grad=True)
    expected = norm.eval()(value)
    (expected_grad,) = torch.autograd.grad(expected.square().sum(), value)
    out = norm.train()(value)
    (grad,) = torch.autograd.grad(out.square().sum(), value)
    assert torch.equal(out, expected)
    assert torch.equal(grad, expected_grad)
    assert norm.num_batches_tracked == 1


def test_running_statistics_of_single_values_are_weighted_means():
    norm = PooledBatchNorm2d(2, momentum=0.25).double()
    values = torch.randn(20, 2, dtype=torch.float64)
    for value in values:
        norm(value.view(1, 2, 1, 1))
    # Weight of each value in the end; the rest is what the statistics began with, N(0, 1).
    weight = 0.25 * 0.75 ** torch.arange(19, -1, -1, dtype=torch.float64)
    rest = 0.75**20
    mean = weight @ values
    variance = weight @ (values - mean).square() + rest * (1 + mean.square())
    torch.testing.assert_close(norm.running_mean, mean)
    torch.testing.assert_close(norm.running_var, variance)


def test_more_values_are_plain_batch_norm():
    pooled, plain = PooledBatchNorm2d(3), nn.BatchNorm2d(3)
    for size in ((2, 3, 1, 1), (1, 3, 1, 2)):
        values = torch.randn(size)
        assert torch.equal(pooled(values), plain(values))
    torch.testing.assert_close(pooled.state_dict(), plain.state_dict(), rtol=0, atol=0)
