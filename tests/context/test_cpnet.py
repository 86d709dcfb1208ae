"""CPNet's context module against the dense formulas, in float64."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

import contextseg
from contextseg.context.aggregation import Aggregation
from contextseg.context.context_prior import ContextPrior
from contextseg.context.cpnet import CPNetContext
from contextseg.context.outputs import StageChannels, Stages
from contextseg.losses import affinity_loss
from contextseg.training.sync_batchnorm import synchronise

CHANNELS = StageChannels(3, 3, 3, 6)
EXACT = {"rtol": 1e-10, "atol": 1e-10}


def module(grid=(4, 5), channels=8, values="aggregated", contexts="both", **options):
    torch.manual_seed(1)
    prior = ContextPrior(channels, grid, **options)
    prior.norm.weight.data.uniform_(0.5, 2)
    prior.norm.bias.data.normal_()
    return CPNetContext(
        CHANNELS,
        channels,
        aggregation=Aggregation(CHANNELS.c5, channels, 3),
        prior=prior,
        values=values,
        contexts=contexts,
    ).double()


def stages(batch=2, size=(4, 5)) -> Stages:
    torch.manual_seed(2)
    c5 = torch.randn(batch, CHANNELS.c5, *size, dtype=torch.float64, requires_grad=True)
    return Stages(c5, c5, c5, c5)


def conv_norm(layers, x):
    """A convolution, batch norm of this batch, ReLU."""
    padding = layers[0].weight.shape[2] // 2
    return normal(F.conv2d(x, layers[0].weight, padding=padding), layers[1]).relu()


def normal(x, norm):
    """Batch norm of this batch, written out.

    Not `F.batch_norm`: its gradient is wrong on the CPU (torch 2.15) where a batch of one comes
    back transposed, which the view of the prior below does.
    """
    mean = x.mean((0, 2, 3), keepdim=True)
    scale = ((x - mean).square().mean((0, 2, 3), keepdim=True) + norm.eps).rsqrt()
    return (x - mean) * scale * norm.weight[:, None, None] + norm.bias[:, None, None]


def literal(m: CPNetContext, c5, labels) -> tuple[torch.Tensor, torch.Tensor]:
    """Features and affinity loss in training mode, with dense maps, on the grid of the keys.

    The loss is that of the authors' code for `void="as_class"` and `diagonal="remove"`, and that
    of the paper, where every class has two pixels, for the defaults.
    """
    batch, _, height, width = c5.shape
    pixels = height * width
    reduced = conv_norm(m.aggregation.reduction, c5)
    k = m.aggregation.branches[0][0].weight.shape[2] // 2
    orders, summed = (((k, 0), (0, k)), ((0, k), (k, 0))), 0
    for branch, paddings in zip(m.aggregation.branches, orders, strict=True):
        y = reduced
        for conv, padding in zip(branch, paddings, strict=True):
            y = F.conv2d(y, conv.weight, conv.bias, padding=padding, groups=reduced.shape[1])
        summed = summed + y
    aggregated = normal(summed, m.aggregation.norm).relu()
    logits = F.conv2d(aggregated, m.prior.weight[:, :, None, None], groups=m.prior.groups)
    prior = normal(logits, m.prior.norm).sigmoid().flatten(2).mT  # [B, N, M]
    gathered = (aggregated if m.values == "aggregated" else reduced).flatten(2).mT
    maps = [c5]
    for name, projection in m.projections.items():
        share = prior if name == "intra" else 1 - prior
        context = (share @ gathered / pixels).mT.reshape(batch, -1, height, width)
        maps.append(conv_norm(projection, context))
    return conv_norm(m.fusion, torch.cat(maps, 1)), official(prior, labels, m.prior.diagonal)


def official(prior, labels, diagonal) -> torch.Tensor:
    """Affinity loss on probabilities, with the ideal affinity map; void is a class."""
    labels = labels.flatten(1)
    ideal = (labels[:, :, None] == labels[:, None, :]).to(prior.dtype)
    own = torch.eye(ideal.shape[1], dtype=prior.dtype) if diagonal == "remove" else 0
    others, different = ideal - own, 1 - ideal

    def cost(top, bottom):
        ratio = top / torch.where(bottom > 0, bottom, 1)
        return F.binary_cross_entropy(ratio, torch.ones_like(ratio))

    found = (others * prior).sum(2)
    return (
        F.binary_cross_entropy(prior, ideal)
        + cost(found, others.sum(2))
        + cost((different * (1 - prior)).sum(2), different.sum(2))
        + cost(found, prior.sum(2))
    )


OPTIONS = [
    {},
    {"contexts": "intra", "groups": 2},
    {"contexts": "inter", "values": "reduced"},
    {"void": "as_class", "diagonal": "remove"},
    {"void": "as_class", "diagonal": "remove", "values": "reduced", "groups": 4},
]


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last], ids=str)
@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_outputs_and_all_gradients_equal_the_dense_formulas(options, batch, layout):
    m, given = module(**options), stages(batch)
    labels = torch.randint(3, (batch, 4, 5)).repeat_interleave(7, 1).repeat_interleave(6, 2)
    if options.get("void") == "as_class":
        labels[:, 14:] = 255
    slope = torch.randn(batch, 8, 4, 5, dtype=torch.float64)
    parameters = dict(m.named_parameters()) | {"c5": given.c5}
    results = []
    out = m(Stages(*[given.c5.contiguous(memory_format=layout)] * 4), labels)
    own = out.features, affinity_loss(out.affinity)
    for features, loss in (own, literal(m, given.c5, labels[:, ::7, ::6])):
        total = (features * slope).sum() + loss
        results.append((features, loss, torch.autograd.grad(total, list(parameters.values()))))
    (features, loss, grads), (expected, expected_loss, expected_grads) = results
    torch.testing.assert_close(features, expected, **EXACT)
    torch.testing.assert_close(loss, expected_loss, **EXACT)
    for name, actual, wanted in zip(parameters, grads, expected_grads, strict=True):
        torch.testing.assert_close(actual, wanted, **EXACT, msg=lambda text, n=name: f"{n}: {text}")


@pytest.mark.parametrize("resolution", ["pooled", "bilinear", "bicubic"])
def test_every_resolution_is_the_same_layer_where_sizes_match(resolution):
    expected, actual = module()(stages()), module(resolution=resolution)(stages())
    assert torch.equal(actual.features, expected.features)


@pytest.mark.parametrize("size", [(8, 10), (9, 7), (3, 4), (2, 13)])
def test_values_are_pooled_to_the_keys(size):
    m = module().prior
    features, values = torch.randn(2, 2, 8, *size, dtype=torch.float64).unbind()
    found = m(features, values)
    keys = F.adaptive_avg_pool2d(values, m.grid).flatten(2).mT
    intra = found.prior.dense() @ keys / 20
    torch.testing.assert_close(found.intra.flatten(2).mT, intra, **EXACT)
    torch.testing.assert_close(
        found.inter.flatten(2).mT, keys.mean(1, keepdim=True) - intra, **EXACT
    )


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
def test_interpolating_the_weights_interpolates_the_logits(mode, training):
    size, shape = (6, 9), (2, 8, 6, 9)
    by_weights, by_logits = (module(groups=2, resolution=r).prior for r in (mode, "pooled"))
    features, values = torch.randn(2, *shape, dtype=torch.float64).unbind()
    for m in (by_weights, by_logits):
        m.train(training)
    found = by_weights(features, values)
    rows = by_logits(features, values).prior.dense()  # of the grid
    maps = torch.logit(rows).unflatten(2, by_logits.grid).flatten(0, 1)[:, None]
    wanted = F.interpolate(maps, size, mode=mode, align_corners=False).flatten(1).sigmoid()
    torch.testing.assert_close(found.prior.dense().flatten(0, 1), wanted, **EXACT)
    intra = wanted.view(2, 54, 54) @ values.flatten(2).mT / 54
    torch.testing.assert_close(found.intra.flatten(2).mT, intra, **EXACT)
    for name in ("running_mean", "running_var"):  # of the keys of the grid, once
        statistics = (getattr(m.norm, name) for m in (by_weights, by_logits))
        torch.testing.assert_close(*statistics, **EXACT)


@pytest.mark.parametrize("resolution", ["pooled", "bilinear"])
def test_trains_at_another_size_than_the_grid(resolution):
    m, given = module(resolution=resolution, groups=2), stages(1, (7, 3))
    labels = torch.randint(3, (1, 50, 29), dtype=torch.uint8)
    out = m(given, labels)
    (out.features.square().mean() + affinity_loss(out.affinity)).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in m.parameters())


def test_labels_are_those_of_the_nearest_pixels():
    from contextseg.context.context_prior import nearest

    labels = torch.randint(9, (2, 64, 96))
    expected = F.interpolate(labels[:, None].double(), (8, 12)).long().flatten(1)
    assert torch.equal(nearest(labels, (8, 12)), expected)


def test_rows_of_the_prior_on_demand():
    m = module().eval()
    prior = m(stages(2, (3, 6))).prior
    assert (prior.size, prior.grid) == ((3, 6), (4, 5))
    whole = prior.dense()
    assert whole.shape == (2, 18, 20)
    assert 0 < whole.min() < whole.max() < 1
    torch.testing.assert_close(prior.row(2, 1), whole[:, 13].view(2, 4, 5))
    asked = torch.tensor([[0, 0], [2, 5], [1, 3]])
    torch.testing.assert_close(prior.rows(asked), whole[:, [0, 17, 9]].view(2, 3, 4, 5))
    assert not whole.requires_grad
    with pytest.raises(ValueError, match=r"within 3 rows and 6 columns, got \[1, 6\]"):
        prior.rows([(0, 0), (1, 6)])


def test_no_affinity_terms_without_labels_or_without_weight():
    assert module()(stages()).affinity is None
    model = contextseg.create_model("cpnet", backbone="test_resnet", num_classes=3,
                                    head_channels=8, prior_grid=(4, 4),
                                    affinity_weight=0.0)  # fmt: skip
    image, labels = torch.randn(1, 3, 32, 32), torch.zeros(1, 32, 32, dtype=torch.uint8)
    assert model(image, labels).affinity is None


def test_statistics_are_shared_where_those_of_the_other_norms_are():
    m = module()
    assert not m.prior._norm().sync
    assert synchronise(m, "cpu").prior._norm().sync


def test_groups_must_divide():
    with pytest.raises(ValueError, match="8 channels and the 20 keys of a prior grid of 4 x 5"):
        ContextPrior(8, (4, 5), groups=3)


@pytest.mark.parametrize(
    ("grid", "groups", "prior"),
    [((60, 60), 1, 1_850_400), ((64, 64), 1, 2_105_344), ((97, 97), 1, 4_836_226),
     ((60, 60), 16, 512 * 3600 // 16 + 2 * 3600)],
)  # fmt: skip
def test_parameter_counts_are_those_of_the_official_layout(grid, groups, prior):
    with torch.device("meta"):
        model = contextseg.create_model("cpnet", backbone="resnet50c", num_classes=150,
                                        prior_grid=grid, groups=groups)  # fmt: skip
    context = model.context
    parts = (context.aggregation.reduction, context.prior, context.projections, context.fusion)
    sizes = [sum(p.numel() for p in part.parameters()) for part in (*parts, model.head)]
    assert sizes == [9_438_208, prior, 526_336, 14_156_800, 76_950]
    head = sum(p.numel() for part in (context, model.head) for p in part.parameters())
    assert head == sum(sizes) + 25_600  # of the asymmetric convolutions and their norm
    if groups == 1:
        published = {3600: 26.07, 4096: 26.33, 9409: 29.06}[grid[0] * grid[1]]
        assert head / 1e6 == pytest.approx(published, abs=0.006)


@pytest.mark.parametrize("aggregation", ["ppm", "aspp"])
def test_a_prior_on_top_of_other_modules(aggregation):
    model = contextseg.create_model("cpnet", backbone="test_resnet", num_classes=3,
                                    head_channels=8, aux_channels=4, prior_grid=(4, 4),
                                    aggregation=aggregation)  # fmt: skip
    image, labels = torch.randn(1, 3, 40, 72), torch.randint(3, (1, 40, 72), dtype=torch.uint8)
    out = model(image, labels)
    (out.logits.mean() + out.aux_logits.mean() + affinity_loss(out.affinity)).backward()
    assert [n for n, p in model.named_parameters() if p.grad is None] == []
    with torch.autocast("cpu", torch.bfloat16):
        assert model.eval()(image).logits.isfinite().all()


def test_mistakes_are_named():
    with pytest.raises(ValueError, match="kernel_size must be odd to keep the size, got 4"):
        contextseg.create_model("cpnet", num_classes=3, kernel_size=4)
    with pytest.raises(ValueError, match="only aggregation asymmetric has reduced features"):
        contextseg.create_model("cpnet", num_classes=3, aggregation="ppm", values="reduced")
    model = contextseg.create_model("cpnet", backbone="test_resnet", num_classes=3)
    with pytest.raises(ValueError, match=r"labels must be integer .* \[1, 32, 40\] as the images"):
        model(torch.randn(1, 3, 32, 40), torch.zeros(1, 40, 32, dtype=torch.uint8))
