"""What the page is told equals what the library computes."""

from __future__ import annotations

import gzip
import json

import numpy as np
import pytest
import torch

from contextseg.data.classes import Classes
from contextseg.explorer.annotations import AnnotationProject
from contextseg.explorer.project import explored
from contextseg.ops import upsampled_argmax
from tests.explorer.conftest import L, array_of, predictor, write_images


def test_the_project_and_its_images(client):
    project = client.get("/api/project").json()
    assert project["mode"] == "explore"
    assert project["count"] == 3
    assert [each["name"] for each in project["classes"]] == [f"class {n}" for n in range(L)]
    assert project["models"][0]["context"] == "encnet"
    assert project["models"][0]["codewords"] == 3
    listed = client.get("/api/images?start=1&count=1").json()
    assert listed["total"] == 3
    assert listed["images"] == [
        {
            "n": 1,
            "name": "val/scene1",
            "labelled": False,
            "wrong": False,
            "truth": True,
            "scores": {},
        }
    ]
    assert client.get("/api/images?filter=SCENE2").json()["total"] == 1
    assert client.get("/").text.count('data-mode="explore"') == 1


def test_labels_of_the_page_are_those_of_the_library(client):
    image = client.session.project.item(1).read()
    meta = client.get("/api/1/meta").json()
    logits = torch.from_numpy(array_of(client.get("/api/1/logits")).astype(np.float32))
    assert logits.shape == (L, meta["rows"], meta["columns"])
    labels = upsampled_argmax(
        logits[None], tuple(meta["canvas"]), align_corners=meta["alignCorners"]
    )[0, : meta["height"], : meta["width"]]
    expected = client.session.models[0].segment(image)
    assert (labels.numpy() == expected.labels.numpy()).mean() > 0.999  # float16 on the way
    assert meta["presence"] == pytest.approx(expected.presence_logits.tolist(), abs=1e-5)
    assert array_of(client.get("/api/1/truth")).shape == image.shape[:2]
    for name in ("image", "thumbnail"):
        answer = client.get(f"/api/1/{name}")
        assert answer.headers["content-type"] == "image/jpeg"
        assert answer.content[:2] == b"\xff\xd8"


def test_gates_channels_and_codewords_are_those_of_the_inspection(client):
    found = client.session.inspection(0)
    assert client.get("/api/0/gamma").json()["gates"] == pytest.approx(found.gates.tolist())
    both = array_of(client.get("/api/0/channel/5"))
    assert both[0] == pytest.approx(found.features[5].numpy(), abs=1e-6)
    assert both[1] == pytest.approx(found.gated[5].numpy(), abs=1e-6)
    assert client.get("/api/0/channel/999").status_code == 404
    weights = array_of(client.get("/api/0/assignment"))
    assert weights == pytest.approx(found.assignment.numpy(), abs=1e-6)
    client.get("/api/1/meta")
    listed = client.get("/api/codewords/2").json()["images"]
    shares = {n: float(client.session.inspection(n).assignment[2].mean()) for n in (0, 1)}
    assert {each["n"]: each["share"] for each in listed if each["n"] in shares} == pytest.approx(
        shares, abs=1e-6
    )
    assert client.get("/api/0/prior?row=1&column=1").status_code == 404


def test_rows_of_the_prior_and_what_they_should_be(client_of, dataset):
    client = client_of(explored([dataset], Classes.numbered(L)), predictor("cpnet"))
    found = client.session.inspection(0)
    predicted, ideal = array_of(client.get("/api/0/prior?row=2&column=3"))
    assert predicted == pytest.approx(found.prior.row(2, 3)[0].numpy(), abs=1e-6)
    labels = client.session.project.truth(0)  # squares of 8 pixels, as the features are
    own = labels[2 * 8, 3 * 8]
    keys = labels[np.arange(8) * 8][:, np.arange(8) * 96 // 8]
    assert ideal.tolist() == (keys == own).astype(float).tolist()
    whole = array_of(client.get("/api/0/prior/all"))
    assert whole[2, 3] == pytest.approx(predicted, abs=1e-3)
    assert array_of(client.get("/api/0/contexts")).shape == (2, 8, 12)
    for query in ("row=99&column=0", "row=-1&column=0", "row=a&column=0", "column=0"):
        assert client.get(f"/api/0/prior?{query}").status_code == 400


def test_two_models_side_by_side(client_of, dataset):
    client = client_of(
        explored([dataset], Classes.numbered(L)), predictor(), predictor("fcn")
    )  # fmt: skip
    assert len(client.get("/api/project").json()["models"]) == 2
    one, other = (array_of(client.get(f"/api/0/logits?model={n}")) for n in (0, 1))
    assert not np.array_equal(one, other)
    assert client.get("/api/0/meta?model=2").status_code == 404


def test_what_is_not_there(client):
    for path in ("/api/3/meta", "/api/999999999999/image", "/api/3/thumbnail", "/nothing"):
        assert client.get(path).status_code == 404
    assert client.get("/api/0/mask").status_code == 404
    assert client.put("/api/0/mask", content=b"").status_code == 404  # exploring never writes
    assert client.get("/api/images?start=a").status_code == 400


def test_a_broken_image_is_told_and_the_others_go_on(client_of, tmp_path):
    write_images(tmp_path / "photos")
    (tmp_path / "photos" / "scene1.png").write_bytes(b"\x89PNG nothing")
    client = client_of(explored([tmp_path / "photos"], Classes.numbered(L)))
    answer = client.get("/api/1/meta")
    assert answer.status_code == 415
    assert "scene1.png" in answer.json()["error"]
    assert client.get("/api/2/meta").status_code == 200


def test_a_photo_dragged_in(client):
    data = (client.session.project.root / "images" / "val" / "scene0.png").read_bytes()
    answer = client.post("/api/upload", content=data)
    assert answer.status_code == 201
    number = answer.json()["n"]
    assert number == 3
    assert client.get(f"/api/{number}/meta").json()["name"] == "dropped/1"
    assert client.post("/api/upload", content=b"no image").status_code == 415


def test_wrong_labels_are_listed_in_a_file(client):
    assert client.post("/api/1/wrong", json={"wrong": True, "note": "sky\tis\nroad"}).json() == {
        "wrong": True
    }
    path = client.session.project.root / "wrong_labels.txt"
    assert path.read_text() == "val/scene1\tsky is road\n"
    assert client.get("/api/images").json()["images"][1]["wrong"] is True
    assert client.post("/api/1/wrong", json={"wrong": False}).status_code == 200
    assert path.read_text() == ""
    assert client.post("/api/1/wrong", json=[1]).status_code == 400
    assert client.post("/api/1/wrong", content=b"{").status_code == 400


def put(client, number, labels, revision):
    return client.put(
        f"/api/{number}/mask",
        content=gzip.compress(labels.tobytes()),
        headers={"If-Match": f'"{revision}"'},
    )


def test_a_new_server_removes_what_a_killed_one_has_not_finished(folder):
    """A server is killed in the middle of each file that it writes."""
    remains = [".classes.ab12cd34.partial.json", ".wrong_labels.ab12cd34.partial.txt",
               "masks/.scene0.ab12cd34.partial.png",
               "annotations/.scene0.ab12cd34.partial.json"]  # fmt: skip
    for name in (*remains, ".mine.ab12cd34.partial.json"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).touch()
    AnnotationProject(folder, Classes.numbered(L))
    assert [name for name in remains if (folder / name).exists()] == []
    assert (folder / ".mine.ab12cd34.partial.json").exists()


def test_a_mask_is_saved_read_again_and_trains(annotating, folder):
    missing = annotating.get("/api/0/mask")
    assert missing.status_code == 204
    assert missing.headers["etag"] == '"none"'
    labels = np.random.default_rng(0).integers(0, L, (64, 96)).astype(np.uint8)
    labels[:5] = 255
    saved = put(annotating, 0, labels, "none")
    assert saved.status_code == 200
    again = annotating.get("/api/0/mask")
    assert np.array_equal(array_of(again), labels)
    assert again.headers["etag"] == saved.headers["etag"]
    assert annotating.get("/api/progress").json() == {"labelled": 1, "count": 3}
    assert annotating.get("/api/images").json()["images"][0]["labelled"] is True
    assert json.loads((folder / "classes.json").read_text())["num_classes"] == L
    assert AnnotationProject(folder).labelled() == {0}


def test_a_stale_revision_changes_nothing(annotating):
    first, second = np.zeros((64, 96), np.uint8), np.ones((64, 96), np.uint8)
    revision = put(annotating, 0, first, "none").json()["revision"]
    stale = put(annotating, 0, second, "none")
    assert stale.status_code == 409
    assert stale.json()["revision"] == revision
    assert np.array_equal(array_of(annotating.get("/api/0/mask")), first)
    assert put(annotating, 0, second, revision).status_code == 200
    assert annotating.put("/api/0/mask", content=b"").status_code == 428


@pytest.mark.parametrize(
    ("labels", "status"),
    [
        (np.zeros((64, 95), np.uint8), 400),
        (np.zeros((65, 96), np.uint8), 413),
        (np.full((64, 96), L, np.uint8), 400),
    ],
)
def test_masks_that_do_not_fit(annotating, labels, status):
    assert put(annotating, 0, labels, "none").status_code == status
    assert annotating.get("/api/0/mask").status_code == 204


def test_the_state_of_an_image(annotating):
    empty = annotating.get("/api/1/state").json()
    assert empty == {"state": {}, "revision": "none"}
    state = {"ticks": [0, 2], "seconds": 12.5, "done": True}
    headers = {"If-Match": '"none"'}
    assert annotating.put("/api/1/state", json=state, headers=headers).status_code == 200
    assert annotating.get("/api/1/state").json()["state"] == state
    assert annotating.put("/api/1/state", json={}, headers=headers).status_code == 409
    assert annotating.put("/api/1/state", json=[1], headers=headers).status_code == 400


def test_classes_are_matched_by_name(client_of, folder):
    known = Classes.numbered(L)
    turned = Classes("mine", (known.classes[2], known.classes[0]))
    client = client_of(AnnotationProject(folder, turned))
    logits = array_of(client.get("/api/0/logits")).astype(np.float32)
    seen = client.session.inspection(0).coarse_logits.numpy()
    assert logits == pytest.approx(seen[[2, 0]], abs=2e-3)


def test_memory_of_inspections_is_bounded(client_of, dataset):
    client = client_of(explored([dataset], Classes.numbered(L)), limit=1)
    for number in (0, 1, 2, 0):
        assert client.get(f"/api/{number}/meta").status_code == 200
    client.session.inspection(2)
    assert len(client.session._kept) == 1


def test_many_requests_at_once(client):
    from concurrent.futures import ThreadPoolExecutor

    paths = [f"/api/{n % 3}/{name}" for n in range(60)
             for name in ("meta", "logits", "gamma", "image", "truth")]  # fmt: skip
    with ThreadPoolExecutor(16) as pool:
        statuses = list(pool.map(lambda path: client.get(path).status_code, paths))
    assert set(statuses) == {200}


def test_a_project_opens_at_the_image_that_was_worked_on_last(annotating, folder):
    assert annotating.get("/api/project").json()["position"] == 0
    put(annotating, 2, np.zeros((64, 96), np.uint8), "none")
    assert annotating.get("/api/project").json()["position"] == 2
    assert AnnotationProject(folder).position() == 2
