"""Models on the Hugging Face Hub, and local folders in its layout."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from pathlib import Path
from typing import Any

from contextseg.data.classes import Classes
from contextseg.models.segmentation import SegmentationModel
from contextseg.system.atomic_files import write_text
from contextseg.system.terminal import raw_streams
from contextseg.weights.card import model_card
from contextseg.weights.model_file import FILE_NAME, load_model, save_model

PREFIX = "hf:"
CARD, SCORES, RECIPE = "README.md", "scores.json", "config.yaml"
_REPOSITORY = re.compile(r"[\w.-]+/[\w.-]+")


def save_pretrained(
    model: SegmentationModel | str | os.PathLike[str],
    folder: str | os.PathLike[str],
    *,
    classes: Classes | None = None,
    name: str | None = None,
    licence: str | None = None,
    half: bool = False,
) -> Path:
    """Write a model and its card into a folder that `from_pretrained` and `load` read.

    Args:
        model: a network, or the folder of a run, whose scores and recipe are included.
        folder: created if it is missing.
        classes: names of its labels; None takes those that the network was loaded with, else
            numbers.
        name: title of the card; None takes the folder's name.
        licence: of the weights, as the Hub spells it, such as `apache-2.0`; weights inherit the
            terms of their training images, so there is no default.
        half: store weights in 16 bits, as `save_model` does.

    Returns:
        The folder.

    Raises:
        FileNotFoundError: there is no model at the path.
        OSError: the folder cannot be written.
    """
    target = Path(folder)
    run = None if isinstance(model, SegmentationModel) else Path(model)
    if isinstance(model, SegmentationModel):
        known: Any = model.classes
        network = model
    else:
        network, known = load_model(model)
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


def push_to_hub(
    model: SegmentationModel | str | os.PathLike[str],
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
        **details: `classes`, `name`, `licence`, `half` of `save_pretrained`.

    Returns:
        The commit's address.

    Raises:
        ValueError: `repository` is not of this form, or the Hub refuses.
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
    """The network in a folder or on the Hub, in eval mode, with its `classes`.

    Args:
        source: a folder that `save_pretrained` or a training run wrote, a safetensors file, or
            `owner/name` (optionally with `@revision`) on the Hub. A local folder of that name takes
            precedence; `hf:owner/name` always means the Hub.

    Raises:
        FileNotFoundError: there is no model.
        ValueError: it cannot be fetched, or is not a model of contextseg.
    """
    text = os.fspath(source)
    if not Path(text).exists() and _REPOSITORY.fullmatch(text.split("@")[0]):
        text = PREFIX + text
    model, classes = load_model(fetched(text))
    model.classes = classes
    return model


def fetched(path: str | os.PathLike[str]) -> str | os.PathLike[str]:
    """`path` itself, or the local copy of `hf:owner/name`, optionally with `@revision`.

    Raises:
        ValueError: the name is malformed, or the model cannot be fetched from the Hub.
    """
    if not isinstance(path, str) or not path.startswith(PREFIX):
        return path
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
            f"{path}: the Hub does not give this model: {_first_line(error)}"
        ) from error


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
