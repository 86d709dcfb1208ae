"""RefineNet and DeconvNet, which upsample stage by stage, against their formulas in float64."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import contextseg
from contextseg.config import ModelConfig, RefineNetConfig
from contextseg.context import DeconvNetContext, RefineNetContext
from contextseg.context.deconvnet import LearnedUpsampling, unpooled
from contextseg.context.outputs import StageChannels, Stages
from contextseg.models.backbone import Backbone

CHANNELS = StageChannels(2, 3, 4, 6)
EXACT = {"rtol": 1e-10, "atol": 1e-10}


def stages(size=(12, 17), factors=(1, 2, 4, 8), channels=CHANNELS) -> Stages:
    sizes = [[-(-side // factor) for side in size] for factor in factors]
    return Stages(
        *(torch.randn(2, c, *s, dtype=torch.float64) for c, s in zip(channels, sizes, strict=True))
    )


def scrambled(module: nn.Module) -> nn.Module:
    """In float64, with weights and statistics of any kind: some begin at 0."""
    for parameter in module.double().parameters():
        nn.init.normal_(parameter, std=0.3)
    for name, statistics in module.named_buffers():
        if name.endswith(("mean", "var")):
            nn.init.uniform_(statistics, 0.5, 2)
    return module.eval()


def conv(state, name, x):
    """A 3x3 convolution, and its norm where there is one, from names of weights alone."""
    x = F.conv2d(x, state[f"{name}.0.weight"], state.get(f"{name}.0.bias"), padding=1)
    if f"{name}.1.weight" not in state:
        return x
    weight, bias, mean, variance = (
        state[f"{name}.1.{part}"][:, None, None]
        for part in ("weight", "bias", "running_mean", "running_var")
    )
    return (x - mean) / (variance + 1e-5).sqrt() * weight + bias


def unit(state, name, x):
    """Section 3.2, residual conv unit."""
    return x + conv(state, f"{name}.second", conv(state, f"{name}.first", x.relu()).relu())


def largest(x):
    """Max-pooling of 5x5 windows, as maxima of shifted maps."""
    padded = F.pad(x, [2] * 4, value=-float("inf"))
    rows, columns = x.shape[2:]
    shifts = [padded[:, :, i : i + rows, j : j + columns] for i in range(5) for j in range(5)]
    return torch.stack(shifts).amax(0)


def refined(state, given, align_corners):
    """Figure 2 of the RefineNet paper: the cascade of four blocks."""
    features = None
    for i, stage in enumerate(reversed(given)):
        name = f"blocks.{i}"
        x = conv(state, f"{name}.adaptation.0", stage)
        x = unit(state, f"{name}.adaptation.2", unit(state, f"{name}.adaptation.1", x))
        if features is not None:
            y = unit(state, f"{name}.coarser.0", features)
            y = conv(state, f"{name}.coarser.2", unit(state, f"{name}.coarser.1", y))
            y = F.interpolate(y, x.shape[2:], mode="bilinear", align_corners=align_corners)
            x = conv(state, f"{name}.own", x) + y
        first = x.relu()
        second = conv(state, f"{name}.pooling.convolutions.0", largest(first))
        third = conv(state, f"{name}.pooling.convolutions.1", largest(second))
        features = first + second + third
        for j in range(3 if i == 3 else 1):
            features = unit(state, f"{name}.output.{j}", features)
    return features


@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize("factors", [(1, 2, 4, 8), (1, 2, 2, 2), (1, 1, 1, 1)])
@pytest.mark.parametrize("norm", [True, False])
def test_refinenet_is_the_paper_s_cascade(factors, align_corners, norm):
    module = RefineNetContext(CHANNELS, 8, align_corners=align_corners, norm=norm)
    module = scrambled(module)
    given = stages(factors=factors)
    found = module(given).features
    assert found.shape == (2, 4, 12, 17)
    expected = refined(module.state_dict(), given, align_corners)
    torch.testing.assert_close(found, expected, **EXACT)


def test_refinenet_has_the_paper_s_widths_and_its_residual_units_begin_as_the_identity():
    with torch.device("meta"):
        module = RefineNetContext(StageChannels(256, 512, 1024, 2048), 512, norm=False)
    reductions = [block.adaptation[0][0] for block in module.blocks]
    widths = [(layer.in_channels, layer.out_channels) for layer in reductions]
    assert widths == [(2048, 512), (1024, 256), (512, 256), (256, 256)]
    w, h = 9 * 512 * 512 + 512, 9 * 256 * 256 + 256
    first = 9 * 2048 * 512 + 512 + (2 * 2 + 2 + 2) * w  # adaptation, pooling, output
    adaptations = sum(9 * c * 256 + 256 for c in (1024, 512, 256))
    others = 3 * (4 + 1 + 2 + 2) * h  # two units, fusion, pooling, output
    coarser = 4 * w + 9 * 512 * 256 + 256 + 2 * (4 + 1) * h
    count = first + adaptations + others + coarser + 2 * 2 * h  # two more units at the end
    assert sum(p.numel() for p in module.parameters()) == count
    # The released networks pool four times; Nekrasov et al. (BMVC 2018) count them in millions.
    for name, millions in (("resnet50", 99), ("resnet101", 118), ("resnet152", 134)):
        with torch.device("meta"):
            model = contextseg.create_model("refinenet", backbone=name, num_classes=21, pools=4,
                                            norm=False, output_stride=32,
                                            aux_weight=0)  # fmt: skip
        assert round(sum(p.numel() for p in model.parameters()) / 1e6) == millions
    module = RefineNetContext(CHANNELS, 8).double()
    x = torch.randn(1, 4, 5, 6, dtype=torch.float64)
    assert torch.equal(module.blocks[3].output(x), x)


@pytest.mark.parametrize("size", [(8, 6), (9, 7), (2, 3), (7, 10)])
@pytest.mark.parametrize("ties", [False, True])
def test_unpooling_is_that_of_pytorch(size, ties):
    stage = torch.randn(2, 3, *size, dtype=torch.float64)
    stage = stage.relu().round() if ties else stage  # windows of zeros
    _, indices = F.max_pool2d(stage, 2, return_indices=True)
    values = torch.randn(indices.shape, dtype=torch.float64, requires_grad=True)
    found, expected = unpooled(values, stage), F.max_unpool2d(values, indices, 2, output_size=size)
    assert torch.equal(found, expected)
    slope = torch.randn_like(found)
    grads = [torch.autograd.grad((y * slope).sum(), values)[0] for y in (found, expected)]
    assert torch.equal(*grads)


@pytest.mark.parametrize(
    ("factor", "size"), [(2, (8, 10)), (2, (9, 11)), (2, (7, 9)), (4, (15, 18))]
)
def test_learned_upsampling_is_a_sum_over_the_pixels_that_reach_a_place(factor, size):
    module = LearnedUpsampling(3, factor).double().eval()
    x = torch.randn(1, 3, 4, 5, dtype=torch.float64)
    weight = module.convolution.weight.detach()
    large = torch.zeros(1, 3, 5 * factor, 6 * factor, dtype=torch.float64)
    for i in range(4):
        for j in range(5):
            rows = slice(i * factor, (i + 2) * factor)
            columns = slice(j * factor, (j + 2) * factor)
            large[:, :, rows, columns] += torch.einsum("bc,cdij->bdij", x[:, :, i, j], weight)
    margin = factor // 2
    part = large[:, :, margin : margin + size[0], margin : margin + size[1]]
    expected = (part / (1 + module.norm[0].eps) ** 0.5).relu()
    found = module(x, size)
    assert found.shape[2:] == size
    torch.testing.assert_close(found, expected, **EXACT)


def test_deconvnet_mirrors_a_pooled_backbone():
    """Figure 2 of the DeconvNet paper: unpooling and convolutions, from c4 to c2."""
    module = DeconvNetContext(CHANNELS, 5, pooled=(True, True, True), convolutions=2)
    module = scrambled(module)
    given, state = stages(factors=(1, 2, 4, 8), size=(16, 24)), module.state_dict()

    def layer(x, name):
        return conv(state, name, x).relu()

    x = layer(layer(given.c5, "reduction"), "expansion")
    assert x.shape[1] == CHANNELS.c4
    for i, stage in enumerate((given.c4, given.c3, given.c2)):
        _, indices = F.max_pool2d(stage, 2, return_indices=True)
        x = F.max_unpool2d(x, indices, 2)
        for j in range(2):
            x = layer(x, f"levels.{i}.convolutions.{j}")
    torch.testing.assert_close(module(given).features, x, **EXACT)
    assert x.shape == (2, CHANNELS.c2, 16, 24)


def on_meta(name: str) -> Backbone:
    """A backbone without values."""
    with torch.device("meta"):
        return Backbone(name)


def test_vgg_says_where_its_maxima_are_and_others_do_not():
    vgg = on_meta("vgg11_bn").to_empty(device="cpu")
    assert vgg.pooled == (True, True, True)
    for tensor in vgg.state_dict().values():
        tensor.copy_(torch.rand(tensor.shape))
    given = vgg.eval()(torch.randn(1, 3, 77, 102))
    assert torch.equal(F.max_pool2d(given.c4, 2), given.c5)  # pooled, c4 is c5
    for name in ("resnet18", "mobilenetv2_100", "test_vit", "swin_tiny_patch4_window7_224"):
        assert on_meta(name).pooled == (False, False, False)


@pytest.mark.parametrize(("backbone", "unpools"), [("vgg11_bn", True), ("mobilenetv2_100", False)])
def test_deconvnet_goes_to_c2_by_what_the_backbone_gives(backbone, unpools):
    with torch.device("meta"):
        model = contextseg.create_model("deconvnet", backbone=backbone, num_classes=3,
                                        head_channels=16, output_stride=None if unpools else 16,
                                        convolutions=1, aux_weight=0).eval()  # fmt: skip
    levels = model.context.levels
    assert [level.unpools for level in levels] == [unpools] * 3
    # At output stride 16, c4 and c5 are of one size.
    assert [level.upsampling is None for level in levels] == [True, unpools, unpools]
    widths = [level.convolutions[0][0].in_channels for level in levels]
    assert widths == ([512, 512, 256] if unpools else [16, 16, 16])
    out = model(torch.zeros(1, 3, 69, 98, device="meta"))
    assert out.coarse_logits.shape[2:] == ((17, 24) if unpools else (18, 25))


class Unpooled(nn.Module):
    """Means of windows, put where the maxima are."""

    def forward(self, stage):
        return unpooled(F.avg_pool2d(stage, 2), stage.relu())


@pytest.mark.slow
def test_unpooling_exports_at_any_size(tmp_path):
    runtime = pytest.importorskip("onnxruntime")
    model, path = Unpooled(), tmp_path / "model.onnx"
    sizes = dict.fromkeys((0, 2, 3), torch.export.Dim.DYNAMIC)
    program = torch.export.export(model, (torch.randn(2, 3, 32, 48),), dynamic_shapes=(sizes,))
    torch.onnx.export(program, dynamo=True, verbose=False).save(path)
    session = runtime.InferenceSession(path)
    for size in ((1, 3, 40, 24), (3, 3, 37, 51)):
        stage = torch.randn(size)
        (found,) = session.run(None, {session.get_inputs()[0].name: stage.numpy()})
        assert found.shape == size
        torch.testing.assert_close(torch.from_numpy(found), model(stage))


@pytest.mark.parametrize("name", ["refinenet", "deconvnet"])
def test_a_decoder_takes_no_other_decoder(name):
    with pytest.raises(ValueError, match=f"must be dilated with {name}, which is a decoder"):
        contextseg.create_model(name, backbone="test_resnet", num_classes=2, decoder="jpu")
    assert ModelConfig(context=RefineNetConfig()).decoder == "dilated"


@pytest.mark.parametrize("name", ["refinenet", "deconvnet"])
@pytest.mark.parametrize("backbone", ["test_vit", "hrnet_w18_small", "efficientvit_m0"])
def test_any_pyramid(name, backbone):
    """Stages of one size, of strides that are no doubles, and with a stage repeated."""
    if backbone == "efficientvit_m0":
        pytest.importorskip("timm", "1.0.31", reason="older ones take images of one size only")
    model = contextseg.create_model(name, backbone=backbone, num_classes=3, head_channels=8,
                                    aux_channels=8)  # fmt: skip
    out = model.eval()(torch.randn(2, 3, 70, 99))
    assert out.logits.shape == (2, 3, 70, 99)
    assert torch.isfinite(out.logits).all()
