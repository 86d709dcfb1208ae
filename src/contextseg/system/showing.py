"""Show a picture where the user is: in a notebook, in a window, or as a file."""

from __future__ import annotations

import os
import sys
import tempfile
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from PIL import Image

DOTS = 110
"""Dots per inch of a figure as a picture."""


def in_notebook() -> bool:
    """Whether this process is the kernel of a notebook."""
    ipython = sys.modules.get("IPython")  # a kernel has imported it
    shell = ipython.get_ipython() if ipython is not None else None
    return getattr(shell, "kernel", None) is not None


def has_display() -> bool:
    """Whether a window would be seen."""
    if sys.platform in ("win32", "darwin"):
        return "SSH_CONNECTION" not in os.environ
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def display(value: Any) -> None:
    """Show a value below the current cell of a notebook."""
    from IPython.display import display as show  # pyright: ignore[reportMissingImports]

    show(value)


def tell(text: str) -> None:
    """A line for the user of an interactive function, on standard output."""
    print(text)  # noqa: T201  # methods called `show` may


def as_picture(figure: Figure) -> Image.Image:
    """A figure of matplotlib as an RGB picture."""
    import numpy as np
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from PIL import Image

    figure.set_dpi(DOTS)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")


def show_picture(picture: Image.Image, name: str) -> None:
    """Display a picture in a notebook, open a window, or write a file and print its path.

    Args:
        picture: any PIL image.
        name: beginning of the file's name.
    """
    if in_notebook():
        display(picture)
        return
    from PIL import ImageShow

    if has_display() and ImageShow.show(picture, title=name):
        return
    handle, path = tempfile.mkstemp(prefix=f"{name}-", suffix=".png")
    with os.fdopen(handle, "wb") as file:
        picture.save(file, format="PNG")
    tell(path)
