"""The plan of a demonstration, a pure function of what was measured."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from contextseg.config import AugmentConfig
from contextseg.config.io import from_dict, to_dict
from contextseg.demo.budget import (
    ENOUGH_STEPS,
    MOST_EPOCHS,
    VALIDATIONS,
    Cost,
    crops_of,
    described,
    plan,
    with_plan,
)
from contextseg.recipes import RECIPES

CROPS = [(192, 256), (144, 192), (96, 128)]
WHOLE = CROPS[0]

costs = st.builds(
    Cost,
    start=st.floats(0, 60),
    step=st.floats(1e-3, 60),
    validation=st.just(0.0) | st.floats(1e-3, 200),
)
seconds = st.floats(1, 3600)
steps_per_epoch = st.integers(1, 500)


def planned(cost, seconds, steps, crops=(WHOLE,)):
    """The plan where each crop costs as much as the first one, or less in proportion to it."""

    def measure(crop):
        return replace(cost, step=cost.step * math.prod(crop) / math.prod(crops[0]))

    return plan(measure, list(crops), seconds, steps)


@given(costs, seconds, steps_per_epoch)
def test_the_training_with_its_validations_ends_in_time(cost, seconds, steps):
    found = planned(cost, seconds, steps)
    validations = math.ceil(found.epochs / found.val_every)
    whole = cost.start + found.epochs * steps * cost.step + validations * cost.validation
    assert found.seconds == pytest.approx(whole)
    assert found.seconds <= seconds * (1 + 1e-9) or found.epochs == 1
    assert 1 <= found.epochs <= MOST_EPOCHS


@given(costs, seconds, steps_per_epoch)
def test_no_time_is_left_for_many_more_epochs(cost, seconds, steps):
    found = planned(cost, seconds, steps)
    assume(found.epochs < MOST_EPOCHS)
    left = 0.95 * seconds - cost.start
    spent_at_most = 0.15 * left + cost.validation  # what validations may take, and round off
    assert (found.epochs + 1) * steps * cost.step >= left - spent_at_most - 1e-6


@given(costs, seconds, steps_per_epoch)
def test_validations_are_few_and_cheap_or_a_single_one(cost, seconds, steps):
    found = planned(cost, seconds, steps)
    validations = math.ceil(found.epochs / found.val_every)
    assert 1 <= validations <= VALIDATIONS
    assert 1 <= found.val_every <= found.epochs
    if validations > 1:
        assert validations * cost.validation <= 0.15 * seconds * (1 + 1e-9)


@given(costs, seconds, steps_per_epoch, st.floats(1, 10))
def test_more_time_and_a_faster_machine_never_train_less(cost, seconds, steps, factor):
    epochs = planned(cost, seconds, steps).epochs
    assert planned(cost, seconds * factor, steps).epochs >= epochs
    for part in ("start", "step", "validation"):
        faster = replace(cost, **{part: getattr(cost, part) / factor})
        assert planned(faster, seconds, steps).epochs >= epochs


@given(costs, seconds, steps_per_epoch)
def test_a_smaller_crop_is_taken_only_where_too_few_steps_fit(cost, seconds, steps):
    found = planned(cost, seconds, steps, CROPS)
    alone = [planned(replace(cost, step=cost.step * math.prod(crop) / math.prod(WHOLE)), seconds,
                     steps) for crop in CROPS]  # fmt: skip
    place = CROPS.index(found.crop)
    assert found == replace(alone[place], crop=found.crop)
    # With a fifth of the time to spare: what is set aside for validations is not all used.
    learns = [p.epochs * steps >= ENOUGH_STEPS and p.seconds <= 0.8 * seconds for p in alone]
    assert not any(learns[:place])
    if place < len(CROPS) - 1:
        assert found.epochs * steps >= ENOUGH_STEPS
        assert found.seconds <= seconds


def test_crops_are_measured_in_order_and_no_further_than_needed():
    def asked(*steps):
        """Crops measured where a step takes so long at each of the three."""
        seen = []

        def measure(crop):
            seen.append(crop)
            return Cost(start=1, step=steps[CROPS.index(crop)], validation=1)

        return plan(measure, CROPS, 180, 7).crop, seen

    assert asked(1.0, 0.6, 0.3) == (WHOLE, CROPS[:1])
    assert asked(2.5, 1.4, 0.8) == (CROPS[1], CROPS[:2])
    assert asked(2.5, 2.4, 0.8) == (CROPS[2], CROPS)  # the second one did not shrink its time
    assert asked(9.0, 5.0, 2.2) == (CROPS[2], [CROPS[0], CROPS[2]])  # hopeless, not measured


def test_two_quiet_cores_without_bfloat16():
    found = plan(lambda _: Cost(start=2.0, step=1.04, validation=7.0), CROPS, 180, 7)
    assert (found.crop, found.epochs, found.val_every) == (WHOLE, 19, 7)
    assert described(found, WHOLE, 180) == "1.0 s per step: 19 epochs in about 3 minutes."


@pytest.mark.parametrize(
    ("cost", "seconds", "line"),
    [
        (Cost(start=1, step=0.4, validation=1), 180,
         "0.4 s per step: 58 epochs in about 3 minutes."),
        (Cost(start=1, step=0.4, validation=1), 40,
         "0.2 s per step with crops of 144 by 192 pixels (192 by 256 would take too long): 19 "
         "epochs in about 36 s."),
        (Cost(start=9, step=120, validation=60), 180,
         "30.0 s per step with crops of 96 by 128 pixels (192 by 256 would take too long): 1 epoch "
         "in about 5 minutes; the budget was about 3 minutes."),
        (Cost(start=1, step=0.021, validation=0.2), 180,
         "21 ms per step: 200 epochs (the maximum) in about 32 s."),
    ],
)  # fmt: skip
def test_a_plan_is_one_line(cost, seconds, line):
    assert described(planned(cost, seconds, 7, CROPS), WHOLE, seconds) == line


def test_crops_are_multiples_of_the_stride_and_not_too_small():
    config = RECIPES["demo"]()
    assert crops_of(config) == CROPS
    odd = replace(config, augment=AugmentConfig(crop=(200, 310)))
    assert crops_of(odd) == [(200, 310), (144, 224), (96, 144)]
    assert crops_of(replace(config, augment=AugmentConfig(crop=(96, 96)))) == [(96, 96), (64, 64)]
    assert crops_of(replace(config, augment=AugmentConfig(crop=(64, 64)))) == [(64, 64)]


def test_a_plan_is_nothing_but_config_values():
    config = RECIPES["demo"]()
    found = plan(lambda _: Cost(start=1, step=1.0, validation=2), CROPS[1:], 180, 7)
    config_planned = with_plan(config, found)
    assert from_dict(type(config), to_dict(config_planned)) == config_planned
    changed = {"epochs", "val_every", "augment"}
    before, after = to_dict(config), to_dict(config_planned)
    assert {key for key in before if before[key] != after[key]} == changed
    assert after["augment"] == {**before["augment"], "crop": [144, 192]}
    assert (after["epochs"], after["val_every"]) == (found.epochs, found.val_every)
