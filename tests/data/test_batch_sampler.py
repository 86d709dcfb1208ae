"""The order of training images is one stream, a function of the seed and the step."""

from __future__ import annotations

from itertools import chain

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contextseg.data.batch_sampler import BatchOrder


def test_every_image_comes_once_before_any_comes_again():
    order = BatchOrder(10, 4, epochs=10, seed=0)
    assert order.steps_per_epoch == 2
    assert len(order) == len(list(order)) == 20
    stream = list(chain(*order))
    for epoch in range(8):
        pairs = stream[10 * epoch : 10 * (epoch + 1)]
        assert {e for e, _ in pairs} == {epoch}
        assert sorted(index for _, index in pairs) == list(range(10))
    assert stream[:10] != [(0, index) for _, index in stream[10:20]]


def test_a_batch_larger_than_the_dataset_goes_round():
    order = BatchOrder(3, 8, epochs=5, seed=0)
    assert len(order) == 5
    first = order.batch(0)
    assert [epoch for epoch, _ in first] == [0, 0, 0, 1, 1, 1, 2, 2]
    assert len(set(first + order.batch(1))) == 16


def test_the_seed_decides_the_order():
    def stream(seed: int) -> list[list[tuple[int, int]]]:
        return list(BatchOrder(50, 5, epochs=1, seed=seed))

    assert stream(0) == stream(0)
    assert stream(0) != stream(1)


@settings(deadline=None, max_examples=40)
@given(
    num_samples=st.integers(1, 40),
    share=st.integers(1, 6),
    world=st.integers(1, 4),
    epochs=st.integers(1, 4),
    data=st.data(),
)
def test_processes_share_the_batches_of_one_from_any_start(num_samples, share, world, epochs, data):
    args = num_samples, share * world, epochs, 3
    whole = list(BatchOrder(*args))
    ranks = [BatchOrder(*args, rank=rank, world=world) for rank in range(world)]
    start = data.draw(st.integers(0, len(whole)))
    for order in ranks:
        order.first = start
        assert len(order) == len(whole)
    parts = [list(order) for order in ranks]
    assert [list(chain(*shares)) for shares in zip(*parts, strict=True)] == whole[start:]
    assert {len(batch) for part in parts for batch in part} <= {share}


@pytest.mark.parametrize(
    ("args", "options", "message"),
    [
        ((0, 4, 1, 0), {}, "training dataset is empty"),
        ((9, 4, 1, -1), {}, "seed must be at least 0, got -1"),
        ((9, 4, 1, 0), {"world": 3}, "4 images over 3 processes"),
    ],
)
def test_what_cannot_be_ordered(args, options, message):
    with pytest.raises(ValueError, match=message):
        BatchOrder(*args, **options)
