"""The public context modules: the documented examples run, and every module exports."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from contextseg import context
from contextseg.context.outputs import StageChannels, Stages

PAGE = Path(__file__).parents[2] / "docs" / "classification.md"
SECTION = "## Context modules in your own network"
EXAMPLES = re.findall(
    r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8").partition(SECTION)[2], re.DOTALL
)


@pytest.mark.parametrize("code", EXAMPLES, ids=lambda code: code.splitlines()[1].split()[-1])
def test_an_example_runs(code):
    exec(code, {})


def test_every_module_has_an_example():
    page = "\n".join(EXAMPLES)
    parts = ("ASPP", "Aggregation", "ContextEncoding", "ContextPrior", "Encoding", "EncodingGate",
             "JPU", "PyramidPooling", "SqueezeExcitation", "insert_gates")  # fmt: skip
    assert set(parts) <= set(context.__all__)
    assert all(re.search(rf"import .*\b{part}\b", page) for part in parts)


class OfStages(nn.Module):
    """Export takes tensors: the stages one by one."""

    def __init__(self) -> None:
        super().__init__()
        self.jpu = context.JPU(StageChannels(8, 8, 16, 32), width=8)

    def forward(self, c3: Tensor, c4: Tensor, c5: Tensor) -> Tensor:
        """The joined features."""
        return self.jpu(Stages(c3, c3, c4, c5)).c5


class Contexts(nn.Module):
    """The tensors of a context prior; the prior itself is rows on demand, which no graph holds."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = context.ContextPrior(8, (6, 6))

    def forward(self, features: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Intra- and inter-class context."""
        found = self.layer(features, values)
        return found.intra, found.inter


MODULES = [
    (context.Encoding(8, 4), [(8, 6, 6)]),
    (context.ContextEncoding(8, 4, 3), [(8, 6, 6)]),
    (context.Aggregation(8, 4, kernel_size=3), [(8, 6, 6)]),
    (context.PyramidPooling(8, 4), [(8, 6, 6)]),
    (context.ASPP(8, 4), [(8, 6, 6)]),
    (OfStages(), [(8, 8, 8), (16, 4, 4), (32, 2, 2)]),
    (context.SqueezeExcitation(8), [(8, 6, 6)]),
    (context.EncodingGate(8, 4), [(8, 6, 6)]),
    (Contexts(), [(8, 6, 6), (4, 6, 6)]),
]


@pytest.mark.parametrize(("module", "shapes"), MODULES, ids=lambda part: type(part).__name__)
def test_a_module_exports(module, shapes):
    inputs = tuple(torch.randn(2, *shape) for shape in shapes)
    module = module.eval()
    exported = torch.export.export(module, inputs).module()
    actual, expected = exported(*inputs), module(*inputs)
    if not isinstance(expected, Tensor):
        actual, expected = (
            [part for part in output if isinstance(part, Tensor)] for output in (actual, expected)
        )
    torch.testing.assert_close(actual, expected)


def test_jpu_by_the_formula_on_one_pixel():
    """On a map of one pixel, a 3x3 convolution is its middle tap, whatever the dilation."""
    jpu = context.JPU(StageChannels(2, 2, 3, 4), width=5, dilations=(1, 4)).double().eval()
    inputs = [torch.randn(1, n, 1, 1, dtype=torch.float64) for n in (2, 3, 4)]
    scale = (1 + 1e-5) ** -0.5  # batch norm as it is drawn
    stack = torch.cat(
        [
            (project[0].weight[:, :, 1, 1] @ x[0, :, 0, 0] * scale).clamp(min=0)
            for project, x in zip(jpu.reductions, inputs, strict=True)
        ]
    )
    expected = [
        (b[2].weight[:, :, 0, 0] @ (b[0].weight[:, 0, 1, 1] * stack * scale) * scale).clamp(min=0)
        for b in jpu.branches
    ]
    actual = jpu(Stages(inputs[0], *inputs)).c5
    torch.testing.assert_close(actual[0, :, 0, 0], torch.cat(expected))
