"""Projects of a few small images, and a client that has opened the page."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from contextseg.data.classes import Classes
from contextseg.system.atomic_files import write_text
from contextseg.system.terminal import json_text

pytest.importorskip("starlette", reason="needs the extra app")
pytest.importorskip("httpx", reason="the test client needs httpx")

import contextseg
from contextseg.explorer.annotations import AnnotationProject
from contextseg.explorer.app import create_app
from contextseg.explorer.guard import Guard
from contextseg.explorer.project import explored
from contextseg.explorer.session import Session
from contextseg.inference.predictor import Predictor

PORT = 8123
HOST = f"127.0.0.1:{PORT}"
L = 4


def predictor(name: str = "encnet", **options) -> Predictor:
    import torch

    torch.manual_seed(0)
    own = {"encnet": {"num_codewords": 3}, "cpnet": {"prior_grid": (8, 8)}}.get(name, {})
    model = contextseg.create_model(
        name, backbone="resnet10t", num_classes=L, head_channels=16, **own, **options
    )
    return Predictor(model.eval(), Classes.numbered(L), device="cpu")


def write_images(folder: Path, count: int = 3, masks: Path | None = None) -> None:
    folder.mkdir(parents=True)
    for number in range(count):
        random = np.random.default_rng(number)
        pixels = random.integers(0, 256, (64, 96, 3), np.uint8)
        Image.fromarray(pixels).save(folder / f"scene{number}.png")
        if masks is not None:
            masks.mkdir(parents=True, exist_ok=True)
            labels = random.integers(0, L, (8, 12)).astype(np.uint8).repeat(8, 0).repeat(8, 1)
            Image.fromarray(labels).save(masks / f"scene{number}.png")


@pytest.fixture
def dataset(tmp_path) -> Path:
    """A data set with one split."""
    root = tmp_path / "data"
    write_images(root / "images" / "val", masks=root / "masks" / "val")
    write_text(root / "classes.json", json_text(Classes.numbered(L).to_dict()))
    return root


@pytest.fixture
def client_of() -> Iterator:
    """Makes a client of a project, with the cookie, from the page's own origin."""
    from starlette.testclient import TestClient

    sessions = []

    def make(project, *models, **options):
        models = models or (predictor(),)
        session = Session(list(models), project, **options)
        sessions.append(session)
        guard = Guard(create_app(session, project), PORT, token="secret")
        client = TestClient(
            guard, base_url=f"http://{HOST}", headers={"Origin": f"http://{HOST}"},
            raise_server_exceptions=False,
        )  # fmt: skip
        client.get("/?token=secret")
        client.session = session
        return client

    yield make
    for session in sessions:
        session.close()


@pytest.fixture
def client(client_of, dataset):
    """Exploring the data set."""
    return client_of(explored([dataset], Classes.numbered(L)))


@pytest.fixture
def folder(tmp_path) -> Path:
    """A folder of images without labels."""
    write_images(tmp_path / "mine" / "images")
    return tmp_path / "mine"


@pytest.fixture
def annotating(client_of, folder):
    """Annotating the folder."""
    return client_of(AnnotationProject(folder, Classes.numbered(L)))


def array_of(response) -> np.ndarray:
    """The array in a response."""
    assert response.status_code == 200, response.text
    shape = [int(part) for part in response.headers["X-Shape"].split(",")]
    dtype = np.dtype(response.headers["X-Dtype"]).newbyteorder("<")
    return np.frombuffer(response.content, dtype).reshape(shape)
