"""Named lists of classes of a project, kept in its classes.json."""

from __future__ import annotations

import json

from contextseg.data.classes import Classes
from contextseg.explorer.annotations import AnnotationProject
from tests.explorer.conftest import L


def test_lists_are_kept_with_the_classes(annotating, folder):
    assert annotating.get("/api/project").json()["lists"] == {}
    for name, labels in (("indoors", [3, 0]), ("sky", [1]), ("indoors", [2])):
        answer = annotating.post("/api/lists", json={"name": name, "labels": labels})
        assert answer.status_code == 200, answer.text
    assert annotating.get("/api/project").json()["lists"] == {"sky": [1], "indoors": [2]}
    content = json.loads((folder / "classes.json").read_text(encoding="utf-8"))
    assert content["lists"] == {"sky": [1], "indoors": [2]}
    assert content["classes"] == Classes.numbered(L).to_dict()["classes"]
    assert AnnotationProject(folder).lists() == {"sky": [1], "indoors": [2]}
    annotating.post("/api/lists", json={"name": "sky", "labels": None})
    assert AnnotationProject(folder).lists() == {"indoors": [2]}


def test_lists_hold_labels_on_the_wire_and_ids_in_the_file(client_of, folder):
    classes = {"classes": [{"id": 40, "name": "road"}, {"id": 7, "name": "sky"}],
               "lists": {"above": [7]}}  # fmt: skip
    (folder / "classes.json").write_text(json.dumps(classes))
    client = client_of(AnnotationProject(folder))
    assert client.get("/api/project").json()["lists"] == {"above": [1]}
    client.post("/api/lists", json={"name": "below", "labels": [0]})
    written = json.loads((folder / "classes.json").read_text(encoding="utf-8"))
    assert written["lists"] == {"above": [7], "below": [40]}


def test_wrong_lists_are_refused_and_change_nothing(annotating, folder):
    before = (folder / "classes.json").read_bytes()
    for content in (
        {"name": "a", "labels": [L]},
        {"name": "a", "labels": [-1]},
        {"name": "a", "labels": ["0"]},
        {"name": "a", "labels": [0, 0]},
        {"name": "a", "labels": []},
        {"name": "", "labels": [0]},
        {"name": 5, "labels": [0]},
        {"name": "a", "labels": 0},
    ):
        assert annotating.post("/api/lists", json=content).status_code == 400, content
    assert (folder / "classes.json").read_bytes() == before
