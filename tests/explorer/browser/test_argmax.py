"""The page's labels are those of the library."""

from __future__ import annotations

import base64

import numpy as np
import pytest
import torch

from contextseg.data.classes import Classes
from contextseg.explorer.project import explored
from contextseg.ops import upsampled_argmax
from tests.explorer.conftest import L, predictor

DECIDE = """
async ([text, shape, canvas, align, ticked, part, confidence]) => {
  const { decide, prepare } = await import("/static/shared/argmax.js");
  const { widened } = await import("/static/shared/api.js");
  const bytes = Uint8Array.from(atob(text), (each) => each.charCodeAt(0));
  const coarse = prepare(widened(bytes.buffer), shape);
  const found = decide(coarse, canvas, align, ticked, part, confidence);
  return [Array.from(found.labels), found.confidence && Array.from(found.confidence)];
}
"""


@pytest.fixture
def opened(page, served, dataset):
    page.goto(served(explored([dataset], Classes.numbered(L)), predictor("fcn")))
    return page


def decided(page, logits, canvas, align, ticked=None, part=None, confidence=False):
    part = part or {"top": 0, "left": 0, "rows": canvas[0], "columns": canvas[1], "step": 1}
    text = base64.b64encode(logits.tobytes()).decode()
    words = [text, list(logits.shape), list(canvas), align, ticked, part, confidence]
    return page.evaluate(DECIDE, words)


def test_labels_equal_upsampled_argmax_on_random_cases(opened):
    random = np.random.default_rng(0)
    pixels = wrong = 0
    for case in range(20):
        classes = int(random.integers(1, 40))
        rows, columns = (int(n) for n in random.integers(1, 20, 2))
        canvas = tuple(int(n) for n in random.integers(1, 150, 2))
        # Neighbours alike, as the features of a photo are, in half of the cases.
        logits = random.normal(size=(classes, rows, columns)).cumsum(2 if case % 2 else 0)
        logits = logits.astype(np.float16)
        ticked = None
        if case % 3 == 0:
            ticked = np.flatnonzero(random.random(classes) < 0.5).tolist() or [classes - 1]
        align = bool(case % 4 == 1)
        labels, _ = decided(opened, logits, canvas, align, ticked)
        chosen = list(range(classes)) if ticked is None else ticked
        exact = torch.from_numpy(logits[chosen].astype(np.float64))[None]
        expected = np.array(chosen)[upsampled_argmax(exact, canvas, align_corners=align)[0]]
        pixels += expected.size
        wrong += int((np.array(labels).reshape(canvas) != expected).sum())
    assert wrong <= max(1, 1e-6 * pixels)


def test_parts_steps_and_confidence(opened):
    random = np.random.default_rng(1)
    logits = random.normal(size=(5, 7, 9)).astype(np.float16)
    canvas = (56, 72)
    exact = torch.from_numpy(logits.astype(np.float64))[None]
    expected, sure = upsampled_argmax(exact, canvas, confidence=True)
    part = {"top": 10, "left": 4, "rows": 12, "columns": 20, "step": 2}
    labels, confidence = decided(opened, logits, canvas, False, None, part, True)
    window = np.s_[0, 10:34:2, 4:44:2]
    assert np.array_equal(np.array(labels).reshape(12, 20), expected[window])
    assert np.array(confidence).reshape(12, 20) == pytest.approx(sure[window].numpy(), abs=1e-6)


def test_half_precision_is_widened_exactly(opened):
    bits = np.arange(65536, dtype=np.uint16)
    values = bits.view(np.float16).astype(np.float32)
    finite = np.isfinite(values)
    text = base64.b64encode(bits.tobytes()).decode()
    found = opened.evaluate(
        """async (text) => {
          const { widened } = await import("/static/shared/api.js");
          const bytes = Uint8Array.from(atob(text), (each) => each.charCodeAt(0));
          return Array.from(widened(bytes.buffer), (v) => Number.isFinite(v) ? v : null);
        }""",
        text,
    )
    assert [v for v in found if v is not None] == values[finite].tolist()
    assert [v is not None for v in found] == finite.tolist()


def test_likeness_is_the_cosine_of_upsampled_logits(opened):
    random = np.random.default_rng(2)
    logits = random.normal(size=(6, 5, 7)).astype(np.float16)
    canvas, (row, column) = (40, 56), (13, 29)
    text = base64.b64encode(logits.tobytes()).decode()
    found = opened.evaluate(
        """async ([text, shape, canvas, row, column]) => {
          const { prepare } = await import("/static/shared/argmax.js");
          const { widened } = await import("/static/shared/api.js");
          const { similarTo } = await import("/static/annotate/similar.js");
          const bytes = Uint8Array.from(atob(text), (each) => each.charCodeAt(0));
          const meta = { height: canvas[0], width: canvas[1], canvas, alignCorners: false };
          const coarse = prepare(widened(bytes.buffer), shape);
          const likeness = similarTo({ meta, coarse }, row, column);
          return Array.from({ length: canvas[0] * canvas[1] }, (_, i) => likeness(i));
        }""",
        [text, list(logits.shape), list(canvas), row, column],
    )
    exact = torch.from_numpy(logits.astype(np.float64))[None]
    upsampled = torch.nn.functional.interpolate(exact, canvas, mode="bilinear")[0]
    centred = upsampled - upsampled.mean(0)
    expected = torch.cosine_similarity(centred, centred[:, row, column, None, None], dim=0)
    assert np.array(found).reshape(canvas) == pytest.approx(expected.numpy(), abs=1e-5)
