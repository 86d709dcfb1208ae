"""The example of a server, with a model of its own."""

from __future__ import annotations

import importlib.util
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from contextseg.data import open_dataset
from contextseg.weights import save_model
from tests.inference.fakes import draw_image
from tests.interop.conftest import small

pytest.importorskip("fastapi")
pytest.importorskip("httpx")
EXAMPLE = Path(__file__).parents[2] / "examples" / "serve_fastapi.py"


def test_the_example_serves_masks(tmp_path, monkeypatch):
    from fastapi.testclient import TestClient

    classes = open_dataset("shapes", "val").classes
    network = small("fcn", backbone="test_resnet", num_classes=classes.num_classes, head_channels=8)
    save_model(tmp_path / "model.safetensors", network, classes)
    monkeypatch.setenv("MODEL", str(tmp_path / "model.safetensors"))
    spec = importlib.util.spec_from_file_location("serve_fastapi", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    served = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(served)
    content = io.BytesIO()
    picture = draw_image(40, 56)
    Image.fromarray(picture).save(content, "PNG")
    with TestClient(served.app) as client:
        answer = client.post("/mask", content=content.getvalue())
        assert (answer.status_code, answer.headers["content-type"]) == (200, "image/png")
        mask = np.array(Image.open(io.BytesIO(answer.content)))
        assert (mask == served.predictor(picture).mask).all()
        listed = client.get("/classes").json()
        assert [each["name"] for each in listed if not each["ignore"]] == classes.names
        answer = client.post("/mask", content=b"no image")
        assert answer.status_code == 422
        assert "cannot be read" in answer.json()["detail"]
        monkeypatch.setattr(served, "MOST_BYTES", 100)
        assert client.post("/mask", content=content.getvalue()).status_code == 413
