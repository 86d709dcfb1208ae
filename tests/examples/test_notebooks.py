"""The notebooks of examples/: how they are committed, and that every cell runs on tiny data.

tests/display/test_kernel.py runs first_steps.ipynb and looks at what it shows.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from contextseg.data.folder import write_folder
from contextseg.data.shapes import ShapesDataset
from contextseg.weights import save_model
from tests.interop.conftest import small

FOLDER = Path(__file__).parents[2] / "examples"
NOTEBOOKS = sorted(path.name for path in FOLDER.glob("*.ipynb"))
TINY = '"backbone": "test_resnet", "pretrained": False, "head_channels": 16, "workers": 0'
SMALL = {
    "what_a_network_sees.ipynb": {
        'model="cpnet", epochs=4': 'model="cpnet", epochs=1, batch=128, backbone="test_resnet", '
        "head_channels=16, workers=0"
    },
    "own_images.ipynb": {
        '"epochs": 3, "crop": 192, "init_from": "../models/street"': f'"epochs": 1, "crop": 48, '
        f"{TINY}"
    },
}
"""What a notebook says, and what is run instead."""


def cells_of(name: str) -> list[dict[str, Any]]:
    return json.loads((FOLDER / name).read_text(encoding="utf-8"))["cells"]


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_is_committed_without_outputs(name):
    for cell in cells_of(name):
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None
        assert not cell["metadata"]
        assert not re.search(r"""["'(]/\w|[A-Z]:\\|file:""", "".join(cell["source"]))


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """The folder `examples` of a clone with few, small samples and a small model."""
    scenes = ShapesDataset("train", num_images=8, size=(48, 64))
    write_folder(scenes, tmp_path / "samples" / "camvid", "train")
    # The notebook names a photo of the samples.
    named = tmp_path / "samples" / "camvid" / "images" / "test" / "0001TP_008640.webp"
    named.parent.mkdir()
    first = next((tmp_path / "samples" / "camvid" / "images" / "train").iterdir())
    named.write_bytes(first.read_bytes())
    network = small("encnet", backbone="test_resnet", head_channels=16)
    save_model(tmp_path / "models" / "street" / "model.safetensors", network, scenes.classes)
    (tmp_path / "examples").mkdir()
    return tmp_path / "examples"


def executed(name: str, folder: Path) -> list[Any]:
    """Code cells of a notebook with what they show."""
    reason = "pip install contextseg[notebook]"
    pytest.importorskip("ipykernel", reason=reason)
    nbclient = pytest.importorskip("nbclient", reason=reason)
    nbformat = pytest.importorskip("nbformat", reason=reason)
    notebook = nbformat.reads((FOLDER / name).read_text(encoding="utf-8"), 4)
    nbformat.validate(notebook)
    for said, run in SMALL[name].items():
        assert said in str(notebook)
        for cell in notebook.cells:
            cell.source = cell.source.replace(said, run)
    resources = {"metadata": {"path": str(folder)}}
    client = nbclient.NotebookClient(notebook, timeout=600, kernel_name="python3",
                                     resources=resources)  # fmt: skip
    client.execute()
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def shown(cell: Any) -> str:
    """All text that a cell shows, without the log."""
    texts = [o.get("text", "") for o in cell.outputs if o.get("name") != "stderr"]
    return "".join([*texts, *(o.data.get("text/plain", "") for o in cell.outputs if "data" in o)])


def pictures(cell: Any) -> int:
    """Number of pictures that a cell shows."""
    return sum("image/png" in output.get("data", {}) for output in cell.outputs)


@pytest.mark.slow
def test_what_a_network_sees(clone):
    cells = executed("what_a_network_sees.ipynb", clone)
    assert shown(cells[0]).startswith("Prediction(48 x 64: ")
    assert "presence_logits, gates, assignment" in shown(cells[1])
    assert [pictures(cell) for cell in cells] == [1, 0, 1, 0, 1, 0, 0, 1, 0]
    assert len(shown(cells[3]).splitlines()) == ShapesDataset.classes.num_classes
    assert re.match(r"without \w+", shown(cells[4]))
    assert re.search(r"gates: lowest 0\.\d{3}, mean 0\.\d{3}", shown(cells[5]))
    assert re.search(r"own class 0\.\d\d, other classes 0\.\d\d", shown(cells[8]))


@pytest.mark.slow
def test_own_images(clone):
    cells = executed("own_images.ipynb", clone)
    assert re.search(r"^  val: \d images?$", shown(cells[1]), re.MULTILINE)
    assert (clone / "my_images" / "splits").is_dir()
    assert shown(cells[2]).startswith("ListedDataset(")
    assert "Run('runs/fcn'" in shown(cells[3])
    assert "Run('runs/encnet'" in shown(cells[3])
    assert pictures(cells[4]) == 1
    assert shown(cells[5]).startswith("ComparisonResult('comparison', fcn ")
    assert "interval" in (clone / "comparison" / "report.md").read_text(encoding="utf-8")
    assert pictures(cells[6]) == 1
