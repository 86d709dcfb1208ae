"""Named lists of classes: read, written, checked, and unknown to everything else."""

from __future__ import annotations

import pytest

from contextseg.data.classes import Classes

CONTENT = {
    "classes": [
        {"id": 4, "name": "road"},
        {"id": 7, "name": "sky"},
        {"id": 9, "name": "own car", "ignore": True},
    ],
}


def test_lists_are_read_and_written():
    lists = {"outdoors": [7, 4], "above": [7]}
    classes = Classes.from_dict(CONTENT | {"lists": lists})
    assert classes.lists == (("outdoors", (7, 4)), ("above", (7,)))
    written = classes.to_dict()
    assert written["lists"] == lists
    assert Classes.from_dict(written).lists == classes.lists


def test_files_without_lists_stay_as_they_are():
    classes = Classes.from_dict(CONTENT)
    assert classes.lists == ()
    assert "lists" not in classes.to_dict()
    # Classes are the same whatever lists there are: a model fits a data set.
    assert classes == Classes.from_dict(CONTENT | {"lists": {"above": [7]}})
    assert hash(classes) == hash(Classes.from_dict(CONTENT | {"lists": {"above": [7]}}))


@pytest.mark.parametrize(
    ("lists", "message"),
    [
        ([], "lists must be an object"),
        ({"above": 7}, "lists must be an object"),
        ({"above": [5]}, r"'above' has \[5\], which are no ids of classes"),
        ({"above": [9]}, r"'above' has \[9\]"),  # an ignored id
        ({"above": [True]}, "no ids of classes"),
        ({"above": [[7]]}, "no ids of classes"),
        ({"above": [7.0]}, "no ids of classes"),
        ({"above": []}, "one or more ids"),
        ({"above": [7, 7]}, "each once"),
        ({"": [7]}, "needs a name"),
        ({"x" * 201: [7]}, "needs a name"),
        ({f"list {n}": [7] for n in range(101)}, "may be 100 lists, got 101"),
    ],
)
def test_a_wrong_list_says_where(lists, message):
    with pytest.raises(ValueError, match=message):
        Classes.from_dict(CONTENT | {"lists": lists})
