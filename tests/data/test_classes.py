"""Lists of classes: ids to labels and back, and the file that holds them."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pytest

from contextseg.data.classes import Classes, ClassInfo, default_color

GAPS = Classes(
    "gaps",
    (ClassInfo(7, "road", (128, 64, 128)), ClassInfo(2, "sky", (0, 0, 255))),
    (ClassInfo(9, "void", (0, 0, 0)), ClassInfo(4, "car hood", (1, 1, 1))),
)
CONTENT = {"classes": [{"id": 0, "name": "a"}, {"id": 3, "name": "b", "color": [1, 2, 3]}]}


def test_labels_are_positions_and_ids_are_what_files_hold():
    mask = np.array([[7, 2, 9], [4, 255, 7]], np.uint8)
    labels = GAPS.to_labels(mask)
    assert labels.dtype == np.uint8
    assert labels.tolist() == [[0, 1, 255], [255, 255, 0]]
    assert GAPS.to_ids(labels).tolist() == [[7, 2, 9], [9, 9, 7]]


def test_255_can_be_a_class():
    classes = Classes("binary", (ClassInfo(0, "no", (0, 0, 0)), ClassInfo(255, "yes", (9, 9, 9))))
    assert classes.to_labels(np.array([[0, 255]], np.uint8)).tolist() == [[0, 1]]


def test_labels_of_16_bit_and_sliced_masks():
    mask = np.array([[7, 2], [2, 9]], np.uint16)
    assert GAPS.to_labels(mask).tolist() == [[0, 1], [1, 255]]
    assert GAPS.to_labels(mask.astype(np.uint8)[:, ::-1]).tolist() == [[1, 0], [255, 1]]


def test_unknown_ids_are_named_with_their_pixels():
    mask = np.array([[7, 300], [300, 5]], np.uint16)
    with pytest.raises(ValueError, match=r"a\.png: holds id 5 \(1 pixels\), id 300 \(2 pixels\)"):
        GAPS.to_labels(mask, where="a.png")
    with pytest.raises(ValueError, match=r"known ids are 2, 4, 7, 9, 255"):
        GAPS.to_labels(np.full((2, 2), 3, np.uint8))


def test_a_file_is_read_back_equal(tmp_path):
    path = tmp_path / "classes.json"
    path.write_text(json.dumps(GAPS.to_dict()))
    assert Classes.read(path) == GAPS
    assert pickle.loads(pickle.dumps(GAPS)) == GAPS


def test_colours_and_num_classes_may_be_left_out():
    classes = Classes.from_dict(CONTENT)
    assert classes.names == ["a", "b"]
    assert classes.ids.tolist() == [0, 3]
    assert classes.colors.tolist() == [list(default_color(0)), [1, 2, 3]]
    assert classes.palette[3].tolist() == [1, 2, 3]


def test_the_ignored_label_need_not_be_listed():
    classes = Classes.from_dict({**CONTENT, "ignore_label": 9})
    assert classes.to_labels(np.array([[9]], np.uint8)).tolist() == [[255]]
    assert classes.to_ids(np.array([[255]])).tolist() == [[9]]
    assert classes.num_classes == 2


def test_the_ignored_label_is_ignored_without_the_flag():
    classes = Classes.from_dict({**CONTENT, "ignore_label": 3})
    assert classes.names == ["a"]


def test_default_colours_differ():
    assert len({default_color(i) for i in range(256)}) == 256
    assert len({info.name for info in Classes.numbered(255).classes}) == 255


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"classes": 3}, "a list under the key"),
        ({"classes": []}, "1 to 255 classes, got 0"),
        ({"clases": []}, "unknown keys \\['clases'\\]"),
        ({"num_classes": 5}, "num_classes says 5, but 2"),
        ({"ignore_label": 256}, "ignore_label must be a whole number in 0 to 255"),
        ({"classes": [{"id": 1, "name": "a"}, {"id": 1, "name": "b"}]}, r"each id may .*: \[1\]"),
        ({"classes": [{"id": 1, "name": "a"}, {"id": 2, "name": "a"}]}, r"each name .*: \['a'\]"),
        ({"classes": [{"id": 256, "name": "a"}]}, "an id must be a whole number"),
        ({"classes": [{"id": True, "name": "a"}]}, "an id must be"),
        ({"classes": [{"name": "a"}]}, 'element 0 has no "id"'),
        ({"classes": [{"id": 1, "name": ""}]}, "id 1 needs a name"),
        ({"classes": ["a"]}, "element 0 must be an object"),
        ({"classes": [{"id": 1, "name": "a", "colour": [0, 0, 0]}]}, r"unknown keys \['colour'\]"),
        ({"classes": [{"id": 1, "name": "a", "color": [0, 0]}]}, "list of red, green and blue"),
        ({"classes": [{"id": 1, "name": "a", "color": [0, 0, 999]}]}, "three whole numbers"),
        ({"classes": [{"id": 1, "name": "a", "ignore": 1}]}, "ignore of element 0 must be true"),
    ],
)
def test_a_wrong_file_says_where(change, message):
    with pytest.raises(ValueError, match=message):
        Classes.from_dict({**CONTENT, **change})


def test_errors_name_the_file(tmp_path):
    path = tmp_path / "classes.json"
    path.write_text("{not json")
    with pytest.raises(ValueError, match=r"classes\.json: not JSON: Expecting"):
        Classes.read(path)


def test_the_documented_example_is_valid():
    page = (Path(__file__).parents[2] / "docs" / "data.md").read_text(encoding="utf-8")
    example = page.split("```json\n")[1].split("```")[0]
    classes = Classes.from_dict(json.loads(example))
    assert classes.names == ["sky", "road"]
    assert [info.id for info in classes.ignored] == [255, 9]
