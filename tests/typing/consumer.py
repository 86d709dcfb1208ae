"""What a strict user's type checkers see; `make lint` checks it, nothing runs it."""

from __future__ import annotations

from pathlib import Path
from typing import assert_type

import contextseg
from contextseg.config import CRFConfig
from contextseg.data import open_dataset
from contextseg.data.classes import Classes
from contextseg.metrics import Difference, ImageCounts, paired_difference

photo = Path("photo.jpg")
predictor = contextseg.load("street")
assert_type(predictor, contextseg.Predictor)
assert_type(predictor(photo), contextseg.Prediction)
assert_type(predictor([photo, photo]), list[contextseg.Prediction])
assert_type(predictor.classes, Classes)
assert_type(predictor(photo).classes[0].share, float)
assert_type(predictor(photo).presence, dict[str, float] | None)
predictor.crf = CRFConfig(stride=4)
for frame in predictor.stream("clip.mp4"):
    assert_type(frame, contextseg.Prediction)

classifier = contextseg.load("runs/cifar", task="classification")
assert_type(classifier, contextseg.ClassifierPredictor)

data = open_dataset("my_images", "val")
counts = ImageCounts(data.classes.num_classes)
scores = contextseg.evaluate(predictor, data, on_prediction=counts.update)
assert_type(scores, contextseg.Scores)
assert_type(contextseg.evaluate(classifier, "cifar").error, float)
assert_type(paired_difference([counts.array()], [counts.array()]), Difference)

run = contextseg.train("encnet_mobilenetv2", data="my_images", epochs=2, lr=0.001)
assert_type(run, contextseg.Run[contextseg.Scores])
assert_type(run.folder, Path)
assert_type(run.predictor, contextseg.Predictor)
assert_type(run.resume(), contextseg.Run[contextseg.Scores])
assert_type(contextseg.init_data("my_images"), contextseg.DataPlan)

encnet = contextseg.create_model("encnet", num_classes=5)
assert_type(encnet, contextseg.SegmentationModel)
assert_type(encnet.config, contextseg.ModelConfig)
assert_type(contextseg.evaluate(encnet, "my_images", device="cpu").mean_iou, float)
assert_type(encnet.info().gmac, float)
assert_type(contextseg.export("street", "street.onnx", precision="int8").path, Path)
result = contextseg.compare({"one": contextseg.TrainConfig(model=encnet.config)}, seeds=(0, 1))
assert_type(result, contextseg.ComparisonResult)
