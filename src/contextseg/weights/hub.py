"""Models on the Hugging Face Hub, and local folders in its layout."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from pathlib import Path
from typing import Any, Protocol

from contextseg.data.classes import Classes
from contextseg.models.segmentation import SegmentationModel
from contextseg.system.atomic_files import write_text
from contextseg.system.samples import shipped_or_given
from contextseg.system.terminal import raw_streams
from contextseg.weights.card import model_card
from contextseg.weights.model_file import FILE_NAME, load_model, save_model

PREFIX = "hf:"
CARD, SCORES, RECIPE = "README.md", "scores.json", "config.yaml"
_REPOSITORY = re.compile(r"[\w.-]+/[\w.-]+")


class Loaded(Protocol):
    """A predictor: a network and what its labels are called."""

    @property
    def model(self) -> Any:
        """The network."""
        ...

    @property
    def classes(self) -> Classes:
        """The classes of its labels."""
        ...


def save_pretrained(
    model: SegmentationModel | Loaded | str | os.PathLike[str],
    folder: str | os.PathLike[str],
    *,
    classes: Classes | None = None,
    name: str | None = None,
    licence: str | None = None,
    half: bool = False,
) -> Path:
    """Write a model and its card into a folder that `from_pretrained` and `load` read.

    Args:
        model: a network, a predictor, or the folder of a run, whose scores and recipe are included.
        folder: created if it is missing.
        classes: names of its labels; None takes those of the predictor, or those that the network
            was loaded with, or numbers them.
        name: title of the card; None takes the folder's name.
        licence: licence of the weights, as the Hub spells it, such as `apache-2.0`; weights
            inherit the terms of their training images, so there is no default.
        half: store weights in 16 bits, as `save_model` does.

    Returns:
        The folder.

    Raises:
        FileNotFoundError: there is no model at the path.
        TypeError: `model` is none of these.
        ValueError: the predictor runs an exported file.
        OSError: the folder cannot be written.
    """
    target = Path(folder)
    run = Path(model) if isinstance(model, str | os.PathLike) else None
    network, known = (
        load_model(model) if isinstance(model, str | os.PathLike) else _in_memory(model)
    )
    assert network.num_classes
    vocabulary = classes or known or Classes.numbered(network.num_classes)
    target.mkdir(parents=True, exist_ok=True)
    save_model(target / FILE_NAME, network, vocabulary, half=half)
    for extra in (SCORES, RECIPE):
        if run is not None and (run / extra).is_file() and run.resolve() != target.resolve():
            shutil.copyfile(run / extra, target / extra)
    text = model_card(
        network.config,
        vocabulary,
        title=name or target.resolve().name,
        parameters=sum(p.numel() for p in network.parameters()),
        scores=target / SCORES,
        recipe=target / RECIPE,
        licence=licence,
    )
    write_text(target / CARD, text)
    return target


def _in_memory(model: SegmentationModel | Loaded) -> tuple[SegmentationModel, Classes | None]:
    """A network and what its labels are called, if that is known."""
    if isinstance(model, SegmentationModel):
        return model, getattr(model, "classes", None)
    network = getattr(model, "model", None)
    if isinstance(network, SegmentationModel):
        return network, model.classes
    if network is not None:
        raise ValueError(
            f"save_pretrained: {model!r} is no network for segmentation whose weights are known: "
            f"it is a classifier or an exported file. Save the model that was trained."
        )
    raise TypeError(
        f"save_pretrained: model must be a network, a predictor or a path, got "
        f"{type(model).__name__}."
    )


def push_to_hub(
    model: SegmentationModel | Loaded | str | os.PathLike[str],
    repository: str,
    *,
    private: bool = False,
    message: str = "Upload a contextseg model",
    **details: Any,
) -> str:
    """Upload a model with its card to the Hub.

    Args:
        model: as in `save_pretrained`.
        repository: `owner/name`; created if it is missing.
        private: whether to create a private repository.
        message: commit message.
        **details: `classes`, `name`, `licence` and `half`, as in `save_pretrained`.

    Returns:
        The commit's URL.

    Raises:
        ValueError: `repository` is not of this form, or the Hub refuses the upload.
    """
    from huggingface_hub import create_repo, upload_folder
    from huggingface_hub.errors import HfHubHTTPError

    if not _REPOSITORY.fullmatch(repository):
        raise ValueError(f"push_to_hub: repository must be owner/name, got {repository!r}.")
    details.setdefault("name", repository.split("/")[1])
    with tempfile.TemporaryDirectory() as folder:
        save_pretrained(model, folder, **details)
        try:
            create_repo(repository, private=private, exist_ok=True)
            commit = upload_folder(repo_id=repository, folder_path=folder, commit_message=message)
        except (HfHubHTTPError, OSError) as error:
            raise ValueError(f"push_to_hub: {repository}: {_first_line(error)}") from error
    return str(commit)


def from_pretrained(source: str | os.PathLike[str]) -> SegmentationModel:
    """Load a network from a folder or the Hub, in eval mode, with its `classes`.

    Args:
        source: a folder that `save_pretrained` or a training run wrote, a safetensors file, or
            `owner/name` (optionally with `@revision`) on the Hub. A local folder of that name takes
            precedence; `hf:owner/name` always means the Hub.

    Raises:
        FileNotFoundError: there is no model.
        ValueError: it cannot be downloaded, or is not a contextseg model.
    """
    text = os.fspath(source)
    if not Path(text).exists() and _REPOSITORY.fullmatch(text.split("@")[0]):
        text = PREFIX + text
    model, classes = load_model(fetched(text))
    model.classes = classes
    return model


def fetched(path: str | os.PathLike[str]) -> str | os.PathLike[str]:
    """`path` itself, the local copy of `hf:owner/name`, optionally with `@revision`, or the folder
    of a model of the repository by its short name (`street`).

    Raises:
        FileNotFoundError: it is the short name of a model that is not here.
        ValueError: the name is malformed, or the model cannot be downloaded from the Hub.
    """
    if not isinstance(path, str) or not path.startswith(PREFIX):
        return shipped_or_given(path)
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    repository, _, revision = path.removeprefix(PREFIX).partition("@")
    if not _REPOSITORY.fullmatch(repository):
        raise ValueError(f"{path}: a model on the Hub is written hf:owner/name.")
    try:
        with raw_streams():  # a bar while it is fetched
            return snapshot_download(
                repository, revision=revision or None, allow_patterns=["*.safetensors", "*.md"]
            )
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        raise ValueError(
            f"{path}: cannot download this model from the Hub: {_first_line(error)}"
        ) from error


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
