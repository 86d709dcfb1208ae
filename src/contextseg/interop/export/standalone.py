"""A folder that segments images without PyTorch and without this package."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

from contextseg.inference.predictor import Predictor
from contextseg.interop.export.export import ExportReport, export
from contextseg.system.work_folders import folder_beside

MODEL, SCRIPT, REQUIREMENTS = "model.onnx", "segment.py", "requirements.txt"
SOURCE = Path(__file__).with_name("standalone_script.py")
PACKAGES = "numpy>=2.0\npillow>=11.0\nonnxruntime>=1.22\n"
"""All that the script imports."""


def export_standalone(
    model: str | os.PathLike[str] | Predictor,
    folder: str | os.PathLike[str],
    *,
    overwrite: bool = False,
    **options: Any,
) -> ExportReport:
    """Export a network together with a script that needs only NumPy, Pillow and ONNX Runtime.

    The folder gets `model.onnx`, `segment.py` and `requirements.txt`. `python segment.py photo.jpg`
    writes the mask that `contextseg predict` makes with `model.onnx`.

    Args:
        model: as of `export`, for photos.
        folder: folder to write to; it is created if it is missing.
        overwrite: replace these files if they exist.
        options: others of `export`: `precision`, `size`, `images`, `opset`.

    Returns:
        The report; its `path` is that of `model.onnx`.

    Raises:
        FileExistsError: one of the files exists already.
        FileNotFoundError, ValueError: as of `export`, or the model takes other images than photos;
            nothing has been written.
    """
    target = Path(folder)
    files = [target / name for name in (MODEL, REQUIREMENTS, SCRIPT)]
    if target.is_file():
        raise ValueError(f"export: {target} is a file; give the name of a folder.")
    for file in files:
        if file.exists() and not overwrite:
            raise FileExistsError(f"{file} exists already. Replace it (--overwrite).")
    if options.get("output", "mask") != "mask":
        raise ValueError("export: the script of a standalone folder takes labels, --output mask.")
    with folder_beside(target) as beside:
        report = export(model, beside / MODEL, input="uint8", **options)
        if not report.info.config.images.is_rgb:
            raise ValueError(
                f"export: a standalone folder is for photos, but the model takes "
                f"{report.info.config.images}. Export the file alone (-o FILE)."
            )
        (beside / REQUIREMENTS).write_text(PACKAGES, encoding="utf-8")
        shutil.copyfile(SOURCE, beside / SCRIPT)
        target.mkdir(parents=True, exist_ok=True)
        for file in files:  # the script last: with it, the folder is complete
            (beside / file.name).replace(file)
    return replace(report, path=target / MODEL)
