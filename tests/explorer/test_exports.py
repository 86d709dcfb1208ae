"""From masks to every format and back, by the page's route and by the command line."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from contextseg.cli import data_formats
from contextseg.data.classes import Classes, ClassInfo
from contextseg.explorer.annotations import AnnotationProject
from tests.explorer.conftest import L, write_images

FORMATS = ["coco", "labelme", "cvat", "labelstudio", "yolo", "voc"]


@pytest.fixture
def folder(tmp_path):
    """Two labelled images of three, one of them in a folder; with ignored pixels and holes."""
    root = tmp_path / "mine"
    write_images(root / "images", count=2)
    write_images(root / "images" / "walk", count=1)
    project = AnnotationProject(root, Classes.numbered(L))
    for number in (0, 2):
        random = np.random.default_rng(number)
        labels = random.integers(0, L, (16, 24)).astype(np.uint8).repeat(4, 0).repeat(4, 1)
        labels[10:20, 10:30] = 255
        project.save_mask(number, labels, "none")
    return root


@pytest.mark.parametrize("format", FORMATS)
def test_masks_come_back_from_every_format(annotating, folder, tmp_path, format):
    project = annotating.session.project
    answer = annotating.post("/api/export", json={"format": format})
    assert answer.status_code == 201, answer.text
    assert answer.json()["name"] == format
    assert answer.json()["images"] == 2
    assert answer.json()["difference"] == 0
    assert annotating.get("/api/export").json()["exports"] == [format]
    source, out = str(folder / "exports" / format), str(tmp_path / "back")
    arguments = [source, "-o", out, "--val", "0", "--unlabelled", "ignore"]
    assert data_formats.import_main(arguments) == 0
    back = AnnotationProject(out)
    assert len(back) == 2
    names = {item.name.rpartition("/")[2]: number for number, item in enumerate(back.items)}
    assert set(back.classes.names) <= set(project.classes.names)
    place = np.full(256, 255, np.uint8)
    for label, name in enumerate(back.classes.names):
        place[label] = project.classes.names.index(name)
    for number in sorted(project.labelled()):
        labels = back.truth(names[project.item(number).name.replace("/", "__")])
        assert labels is not None
        assert (place[labels] == project.truth(number)).all()


def test_names_of_exports(annotating, folder):
    for _ in range(2):
        assert annotating.post("/api/export", json={"format": "coco"}).status_code == 201
    named = annotating.post("/api/export", json={"format": "voc", "name": "for_ana.v1"})
    assert named.json()["folder"] == str(folder / "exports" / "for_ana.v1")
    listed = annotating.get("/api/export").json()
    assert listed["exports"] == ["coco", "coco_2", "for_ana.v1"]
    assert set(FORMATS) <= set(listed["formats"])
    again = annotating.post("/api/export", json={"format": "voc", "name": "for_ana.v1"})
    assert again.status_code == 400
    for bad in ("../out", "a/b", ".hidden", "", "x" * 65, "a\\b", 5):
        content = {"format": "voc" if bad else "word", "name": bad}
        assert annotating.post("/api/export", json=content).status_code == 400, bad
    assert sorted(path.name for path in folder.parent.iterdir()) == ["mine"]
    # Images in exports are no images of the project.
    assert len(AnnotationProject(folder)) == 3


def test_nothing_is_exported_before_something_is_labelled(client_of, tmp_path):
    write_images(tmp_path / "bare")
    client = client_of(AnnotationProject(tmp_path / "bare", Classes.numbered(L)))
    answer = client.post("/api/export", json={"format": "coco"})
    assert answer.status_code == 400
    assert "nothing is labelled" in answer.json()["error"]
    assert not (tmp_path / "bare" / "exports").exists()


def test_ids_of_the_project_are_kept(client_of, tmp_path):
    root = tmp_path / "mine"
    write_images(root, count=1)
    classes = Classes("streets", (ClassInfo(7, "road", (9, 9, 9)), ClassInfo(30, "sky", (1, 2, 3))))
    project = AnnotationProject(root, classes)
    labels = np.ones((64, 96), np.uint8)
    labels[:5] = 0
    project.save_mask(0, labels, "none")
    client = client_of(project)
    assert client.post("/api/export", json={"format": "voc"}).status_code == 201
    masks = list((root / "exports" / "voc").rglob("SegmentationClass/*.png"))
    assert len(masks) == 1
    image = np.array(Image.open(masks[0]).convert("RGB"))
    assert image[0, 0].tolist() == [9, 9, 9]
    assert image[-1, -1].tolist() == [1, 2, 3]
