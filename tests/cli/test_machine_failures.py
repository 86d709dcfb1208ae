"""Commands that run out of memory: one message with what to do, and exit code 2."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from contextseg.data.folder import write_folder
from contextseg.data.shapes import ShapesDataset
from tests.limited import ended, message, needs_linux, run

pytestmark = [needs_linux, pytest.mark.slow]

SIDE = 5000


@pytest.fixture(scope="module")
def photo(tmp_path_factory):
    """A photo that takes 75 MB, and 300 MB in float32."""
    path = tmp_path_factory.mktemp("photos") / "large.png"
    Image.fromarray(np.zeros((SIDE, SIDE, 3), np.uint8)).save(path, compress_level=1)
    return path


def test_a_prediction_names_the_image_and_smaller_windows_and_does_the_rest(model, photo, tmp_path):
    small = [tmp_path / "a_small.png", tmp_path / "z_small.png"]
    for path in small:
        Image.fromarray(np.zeros((64, 64, 3), np.uint8)).save(path)
    out = tmp_path / "out"
    images = [str(small[0]), str(photo), str(small[1])]
    argv = ["predict", str(model), *images, "-o", str(out), "--device", "cpu"]
    code, said = ended(run, argv, 700)  # each thread may reserve 64 MiB
    assert code == 1, said
    assert f"1 failed:\n  {photo}: out of memory (" in said
    assert "--window 512" in said
    assert {path.name for path in (out / "masks").iterdir()} == {"a_small.png", "z_small.png"}


@pytest.fixture
def scenes(tmp_path, photo):
    """A data set whose only image to validate on is the large photo."""
    root = tmp_path / "scenes"
    write_folder(ShapesDataset("val", num_images=1, size=(64, 64)), root, "val")
    (image,), (mask,) = ((root / kind / "val").iterdir() for kind in ("images", "masks"))
    image.unlink()
    image.with_suffix(".png").symlink_to(photo)
    Image.fromarray(np.zeros((SIDE, SIDE), np.uint8)).save(mask)
    return root


def test_an_evaluation_names_smaller_windows(model, scenes):
    argv = ["evaluate", str(model), str(scenes), "--device", "cpu"]
    code, said = ended(run, argv, 400)
    error = message(said)
    assert code == 2
    assert error.startswith("contextseg evaluate: error: out of memory (")
    assert "--window 512" in error


def test_a_check_of_data_names_fewer_threads(scenes):
    code, said = ended(run, ["data", "check", str(scenes), "--no-sheet"], 120)
    error = message(said)
    assert code == 2
    assert error.startswith("contextseg data: error: ")
    assert error.endswith("Read with fewer threads: --workers 1 (workers=1).")
