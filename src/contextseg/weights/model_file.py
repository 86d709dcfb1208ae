"""Models as single self-describing safetensors files, with config and classes in the metadata."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

from safetensors.torch import save_file
from torch import Tensor

from contextseg.config import ModelConfig
from contextseg.config.io import to_dict
from contextseg.data.classes import Classes
from contextseg.data.wording import quoted
from contextseg.models.classifiers import Classifier
from contextseg.models.segmentation import SegmentationModel
from contextseg.system.addresses import refuse_address
from contextseg.system.atomic_files import atomic_path
from contextseg.system.excerpts import abridged
from contextseg.system.samples import MODELS, shipped_or_given
from contextseg.system.suggestions import did_you_mean, folders_beside
from contextseg.weights.contents import TASK, description, read_metadata, read_tensors
from contextseg.weights.fitting import filled

FILE_NAME = "model.safetensors"
FORMAT = "1"


def save_model(
    path: str | os.PathLike[str],
    model: SegmentationModel,
    classes: Classes,
    *,
    half: bool = False,
) -> None:
    """Write weights, config, class names, palette and normalisation into one file.

    Args:
        path: file to write, atomically.
        model: any dtype and device.
        classes: names of its labels.
        half: store convolutions, linear layers and codewords in 16 bits, at about half the size.
            Norms and biases keep their dtype, because statistics can exceed the range of 16 bits.

    Raises:
        ValueError: a weight exceeds the range of 16 bits.
    """
    write(path, model, classes, half=half)


def _half(name: str, tensor: Tensor) -> Tensor:
    if tensor.ndim < 2:
        return tensor
    halved = tensor.half()
    if not bool(halved.isfinite().all()):
        raise ValueError(f"{name} has weights that 16 bits cannot hold; save without half.")
    return halved


def load_model(path: str | os.PathLike[str]) -> tuple[SegmentationModel, Classes]:
    """Load a model and its classes. No code in the file is executed.

    Args:
        path: a file written by `save_model`, or a folder that holds `model.safetensors`.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is not a complete safetensors file, not a contextseg model, or its weights
            are not those of the network that it describes.
    """
    file = model_file(path)
    config, classes = _description(file)
    model = filled(config, file)
    assert isinstance(model, SegmentationModel)
    return model, classes


def read_config(path: str | os.PathLike[str]) -> ModelConfig:
    """Read the config of the model in a file, without its weights.

    Raises:
        FileNotFoundError, ValueError: as `load_model` does.
    """
    return _description(model_file(path))[0]


def write_temperature(file: Path, temperature: float) -> None:
    """Write a temperature into the config in a model file, atomically; its tensors do not change.

    Args:
        file: a file written by `save_model`.
        temperature: the value of `ModelConfig.temperature`.

    Raises:
        ValueError: the file holds no segmentation model, or the temperature is out of range.
    """
    config, _ = _description(file)
    metadata = read_metadata(file)
    metadata["model"] = json.dumps(to_dict(replace(config, temperature=temperature)))
    with atomic_path(file) as partial:
        save_file(read_tensors(file), partial, metadata=metadata)


def add_to_tensor(file: Path, name: str, added: Tensor) -> None:
    """Add to a tensor in a model file, atomically; the others and the metadata do not change.

    Args:
        file: a file written by `save_model`.
        name: of the tensor, which keeps its dtype.
        added: what is added, of its shape.

    Raises:
        ValueError: the file holds no segmentation model, or no such tensor.
    """
    _description(file)
    tensors = read_tensors(file)
    if name not in tensors or tensors[name].shape != added.shape:
        raise ValueError(f"{file} has no tensor {name} of shape {list(added.shape)}.")
    tensors[name] = (tensors[name].to(added.dtype) + added).to(tensors[name].dtype)
    with atomic_path(file) as partial:
        save_file(tensors, partial, metadata=read_metadata(file))


def _description(file: Path) -> tuple[ModelConfig, Classes]:
    metadata = read_metadata(file)
    if TASK in metadata:
        task = abridged(metadata[TASK], 40)
        raise ValueError(f"{file} holds a model for {task}, not for segmentation.")
    return description(file, metadata, ModelConfig)


def model_file(path: str | os.PathLike[str]) -> Path:
    """The safetensors file of a run or model folder, or of a model of the repository by its short
    name (`street`), or the file itself.

    Raises:
        FileNotFoundError: none of them is there.
    """
    refuse_address(path)
    file = Path(shipped_or_given(path))
    if file.is_dir():
        models = sorted(each.parent for each in file.glob(f"*/{FILE_NAME}"))
        file = file / FILE_NAME
        if models and not file.is_file():
            raise FileNotFoundError(
                f"no model at {path}: it is a folder with models in it, such as {models[0]}."
            )
    there = file.is_file() or os.path.lexists(path)
    if not there and (near := _suggestion(Path(path))):
        raise FileNotFoundError(f"no model at {path}: there is nothing. {near}")
    if not file.is_file():
        raise FileNotFoundError(
            f"no model at {path}: expected a folder with {FILE_NAME}, or a .safetensors file."
            f"{_state_of_run(Path(path))}"
        )
    return file


def _suggestion(path: Path) -> str:
    """A sentence with the models whose names are close to a path that leads nowhere, or nothing."""
    files = map(str, path.parent.glob("*.safetensors"))
    short = MODELS if path == Path(path.name) else ()
    return did_you_mean(str(path), [*short, *folders_beside(path, FILE_NAME), *files], "")


def _state_of_run(folder: Path) -> str:
    """Why a run folder has no model yet, as the end of a message; empty for other folders."""
    if (last := folder / "last.safetensors").is_file():
        return f" The weights of the run's last step are in {last}."
    if not (folder / "config.yaml").is_file():
        return ""
    return (
        f" The run in this folder has not written it: it does so at each validation, or at the end "
        f"if there is none. Resume it with contextseg train {quoted(folder)} --resume."
    )


def write(
    path: str | os.PathLike[str],
    model: SegmentationModel | Classifier,
    classes: Classes,
    *,
    half: bool = False,
    task: str | None = None,
) -> None:
    """Write a model for any task; the metadata names the task unless it is segmentation."""
    state = {name: t.detach().cpu().contiguous() for name, t in model.state_dict().items()}
    if half:
        state = {name: _half(name, t) for name, t in state.items()}
    metadata = {
        "format": "pt",
        "contextseg": FORMAT,
        **({} if task is None else {TASK: task}),
        "model": json.dumps(to_dict(model.config)),
        "classes": json.dumps(classes.to_dict()),
    }
    with atomic_path(path) as partial:
        save_file(state, partial, metadata=metadata)
