"""Images and masks are paired by their names, also where all masks have an ending of their own."""

from __future__ import annotations

import pytest

from contextseg.data.affixes import Rule, pair_names

NUMBERS = [f"{number:03d}" for number in range(12)]


def named(form: str) -> list[str]:
    return [form.format(number) for number in NUMBERS]


@pytest.mark.parametrize(
    ("images", "masks", "rule"),
    [
        ("{}", "{}", Rule()),
        ("{}", "{}_mask", Rule("", "_mask")),
        ("{}", "{}-seg", Rule("", "-seg")),
        ("{}", "{}.label", Rule("", ".label")),
        ("0001TP_{}", "0001TP_{}_L", Rule("", "_L")),
        ("{} (1)", "{} (1)_mask", Rule("", "_mask")),
        ("s/{}", "s/{}_mask", Rule("", "_mask")),
        ("{}_rgb", "{}", Rule("_rgb", "")),
        ("x_{}_leftImg8bit", "x_{}_gtFine_labelIds", Rule("_leftImg8bit", "_gtFine_labelIds")),
        ("x_{}_leftImg8bit", "x_{}_labelIds", Rule("_leftImg8bit", "_labelIds")),
        ("img_{}", "mask_{}", Rule("img_", "mask_", at_end=False)),
        ("s/{}", "s/m{}", Rule("", "m", at_end=False)),
    ],
)
def test_the_difference_between_names_is_found(images, masks, rule):
    found = pair_names(named(images), named(masks))
    assert found.rule == rule
    assert found.masks == dict(zip(named(images), named(masks), strict=True))
    assert found.others == []


@pytest.mark.parametrize(
    ("images", "masks"),
    [
        (["1", "2", "3"], ["10", "20", "30"]),  # further numbers are other images
        (named("left_{}"), named("right_{}")),  # two cameras, neither of which is labels
        (["a", "b"], ["c", "d"]),
        (["cat"], ["cats"]),  # one pair could be chance
    ],
)
def test_chance_pairs_nothing(images, masks):
    assert not set(pair_names(images, masks).masks) & set(images)


def test_of_several_kinds_of_masks_that_of_labels_is_taken():
    kinds = ("color", "instanceIds", "labelIds", "labelTrainIds")
    masks = [f"{number}_gtFine_{kind}" for number in NUMBERS for kind in kinds]
    found = pair_names(NUMBERS, masks)
    assert found.rule.mask == "_gtFine_labelIds"
    assert len(found.masks) == len(NUMBERS)
    assert len(found.others) == 3 * len(NUMBERS)

    with_preview = pair_names(NUMBERS, [*NUMBERS, *named("{}_color")])
    assert with_preview.rule == Rule()
    assert with_preview.others == named("{}_color")


def test_what_is_alone_keeps_a_name_that_says_what_is_missing():
    found = pair_names(NUMBERS[1:], named("{}_mask")[:-1])
    assert found.masks["000"] == "000_mask"
    assert "011" not in found.masks
    assert len(found.masks) == 11
    assert str(found.rule) == "names of masks end with '_mask'"
