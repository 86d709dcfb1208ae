"""How large an image may be to be segmented as a whole: by what the network takes, measured."""

from __future__ import annotations

import gc
import logging

import numpy as np
import pytest
import torch

import contextseg
from contextseg.inference import memory, network
from contextseg.inference.memory import LiveBytes, bytes_per_pixel, pixels_that_fit
from tests.inference.fakes import ColourModel, draw_image

CPU = torch.device("cpu")


def test_bytes_are_counted_while_they_live():
    start = torch.zeros(1000)
    with LiveBytes() as live:
        first = start + 1  # 4000 bytes
        view = first[10:]
        del first
        second = view * 2  # and 3960
        del view
        gc.collect()
        third = second.to(torch.float64)  # the first is gone: 3960 and 7920
        third.mul_(2)
    assert live.most == 3960 + 7920


def test_a_pixel_costs_what_each_more_takes():
    def run(side: int) -> torch.Tensor:
        constant = torch.zeros(50_000)
        return torch.zeros(side, side, 5).add_(constant[0])

    assert bytes_per_pixel(run, CPU, 1) == 20
    assert bytes_per_pixel(run, CPU, 100) == 20  # sides 200 and 300


def test_half_of_the_memory_decides(monkeypatch):
    monkeypatch.setattr(memory, "memory_size", lambda: 4_000_000)
    assert pixels_that_fit(100, CPU) == 20_000
    monkeypatch.setattr(memory, "memory_size", lambda: None)
    assert pixels_that_fit(100, CPU) > 10**9


@pytest.fixture
def machine(monkeypatch):
    """Sets the memory that there is, and that is free."""

    def has(size: int, free: int) -> None:
        monkeypatch.setattr(memory, "memory_size", lambda: size)
        monkeypatch.setattr(network, "usable_memory", lambda: free)

    return has


def predictor(**options):
    return contextseg.Predictor(
        ColourModel(stride=1), contextseg.Classes.numbered(5), device="cpu", **options
    )


def test_whole_where_memory_allows_else_windows(machine, caplog):
    image = draw_image(200, 300)
    machine(2**40, 2**40)
    whole = predictor(max_pixels="auto")
    labels = whole(image).mask
    assert whole.model.seen[-1][2:] == (200, 300)
    assert whole.max_pixels == predictor(max_pixels="auto").max_pixels  # a count, no timing
    each = 2**39 / whole.max_pixels
    assert 12 < each < 400  # an image in float32, its logits, and a few tensors of their size

    machine(int(2 * 20_000 * each), 2**40)
    small = predictor(max_pixels="auto")
    assert small.max_pixels == pytest.approx(20_000, rel=0.01)
    assert np.array_equal(small(image).mask, labels)
    assert len([shape for shape in small.model.seen if shape[2:] != (200, 300)]) > 3

    machine(2**40, int(40_000 * each))
    with caplog.at_level(logging.WARNING):
        assert np.array_equal(predictor(max_pixels="auto")(image).mask, labels)
    assert "an image of 200 x 300 pixels takes about" in caplog.text
    caplog.clear()
    fixed = predictor(max_pixels=200 * 300)  # whoever sets a number gets it
    assert np.array_equal(fixed(image).mask, labels)
    assert fixed.model.seen[-1][2:] == (200, 300)
    assert not caplog.text


@pytest.mark.parametrize(
    ("views", "fit", "most", "told"),
    [
        ({}, 70_000, 60_000, False),
        ({"flip": True}, 70_000, 60_000, False),  # one after the other: both do not fit
        ({"scales": (0.5,)}, 40_000, 15_000, False),
        ({"scales": (0.5, 2.0)}, 70_000, 35_000, True),  # in windows at twice the size
        ({"window": 200}, 50_000, 50_000, False),  # nobody needs to be told of windows
    ],
)
def test_what_is_free_holds_all_that_is_seen_at_once(machine, caplog, views, fit, most, told):
    image = draw_image(200, 300)
    machine(2**40, 2**40)
    each = 2**39 / predictor(max_pixels="auto").max_pixels
    machine(2**40, int(fit * each))
    found = predictor(max_pixels="auto")
    found.model.seen.clear()
    with caplog.at_level(logging.WARNING):
        found(image, **views)
    together = [shape[0] * shape[2] * shape[3] for shape in found.model.seen]
    assert max(together) <= most
    assert ("are free" in caplog.text) is told
    if not told and "window" not in views:
        assert len(found.model.seen) == (2 if "flip" in views else 1)


def test_the_smallest_bound_works_at_every_scale_of_images():
    model = contextseg.create_model(
        "fcn", backbone="test_resnet", num_classes=3, head_channels=16, image_scale=2.0
    )
    found = contextseg.Predictor(
        model, contextseg.Classes.numbered(3), device="cpu", max_pixels=32 * 32
    )
    assert found.segment(torch.zeros(3, 40, 50, dtype=torch.uint8)).labels.shape == (40, 50)


@pytest.mark.parametrize("name", ["encnet", "cpnet", "deeplabv3"])
def test_networks_are_measured(name):
    model = contextseg.create_model(name, backbone="test_resnet", num_classes=3, head_channels=16)
    found = contextseg.Predictor(
        model, contextseg.Classes.numbered(3), device="cpu", max_pixels="auto"
    )
    assert found.max_pixels > 2048 * 2048 / 100
    assert found.segment(torch.zeros(3, 64, 64, dtype=torch.uint8)).labels.shape == (64, 64)
