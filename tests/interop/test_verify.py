"""What is said of an export that differs from its network."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from contextseg.interop.export.verify import ExportDiffersError, verify


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
