"""What is said of an export that fails or differs from its network."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from contextseg.config import ModelConfig
from contextseg.data.classes import Classes
from contextseg.engines.info import ExportInfo
from contextseg.interop.export.verify import ExportDiffersError, verify
from contextseg.interop.export.writers import write_onnx


@pytest.mark.parametrize(("sides", "told"), [((64,), False), ((64, 96), True)])
def test_a_network_that_takes_one_size_only_is_to_be_exported_for_it(sides, told):
    logits = {side: torch.randn(1, 3, side, side) for side in sides}
    wrong = SimpleNamespace(
        info=SimpleNamespace(output="mask", precision="fp32"),
        labels=lambda image: SimpleNamespace(labels=logits[image.shape[2]].argmin(1)),
    )
    images = [torch.randn(1, 3, side, side) for side in sides]
    with pytest.raises(ExportDiffersError, match="refused, nothing written") as caught:
        verify(wrong, lambda x: SimpleNamespace(logits=logits[x.shape[2]]), images, "photos")
    assert ("--size H W" in str(caught.value)) == told


def test_what_onnx_cannot_express_is_told_in_one_line(monkeypatch, tmp_path):
    def fail(*_: object, **__: object):
        try:
            raise AssertionError("only 4D query, key, and value are supported\nmore")
        except AssertionError as cause:
            raise RuntimeError("\x1b[96mFailed to convert\nNext steps: ...") from cause

    monkeypatch.setattr(torch.onnx, "export", fail)
    info = ExportInfo(config=ModelConfig(num_classes=2), classes=Classes.numbered(2), output="mask",
                      precision="fp32", size=None, multiple=1)  # fmt: skip
    program = SimpleNamespace(graph_signature=SimpleNamespace(user_outputs=["mask"]))
    with pytest.raises(ValueError, match=r"as ONNX: only 4D query, key, and value are supported$"):
        write_onnx(tmp_path / "m.onnx", program, info)
    assert not list(tmp_path.iterdir())
