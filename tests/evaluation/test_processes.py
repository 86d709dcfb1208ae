"""An evaluation in two processes gives the figures of one, each image counted once."""

from __future__ import annotations

import json

import pytest
import torch
import torch.distributed as dist

from contextseg.data.shapes import ShapesDataset
from contextseg.evaluation import evaluate
from contextseg.inference.predictor import Predictor
from tests.inference.fakes import ColourModel
from tests.processes import together


def content_of(num_images: int) -> str:
    data = ShapesDataset("val", num_images=num_images, size=(40, 48))
    predictor = Predictor(ColourModel(8, presence=True), data.classes, "cpu")
    scores = evaluate(predictor, data, boundaries=True, calibration=True)
    return json.dumps(scores.to_dict(data.classes.names))


def work(rank: int, folder: str) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    contents = [content_of(count) for count in (5, 1)]  # uneven; nothing for the second process
    with open(f"{folder}/{rank}.json", "w", encoding="utf-8") as file:
        json.dump(contents, file)
    dist.barrier()
    dist.destroy_process_group()


@pytest.mark.slow
def test_two_processes_give_the_figures_of_one(tmp_path):
    together(work, str(tmp_path))
    alone = [content_of(5), content_of(1)]
    for rank in (0, 1):
        assert json.loads((tmp_path / f"{rank}.json").read_text()) == alone
