"""Images that somebody drags into the page: in memory, for as long as the server runs."""

from __future__ import annotations

import threading

from contextseg.data.images import read_image
from contextseg.explorer.project import Item, Project

MOST = 50
"""Uploaded images that a session takes."""


class Uploads:
    """Adds images to the end of a project.

    Args:
        project: its list grows.
    """

    def __init__(self, project: Project) -> None:
        self.project = project
        self._count = 0
        self._lock = threading.Lock()

    def add(self, data: bytes) -> int:
        """Number of the image in the content of a file.

        Raises:
            ImageError: it is no image that can be read.
            ValueError: there are too many already.
        """
        image = read_image(data)
        height, width = image.shape[:2]
        with self._lock:
            if self._count >= MOST:
                raise ValueError(f"this session has taken {MOST} images; start the command anew.")
            self._count += 1
            self.project.items.append(
                Item(
                    name=f"dropped/{self._count}",
                    read=lambda: image,
                    size=lambda: (height, width),
                )
            )
            return len(self.project.items) - 1
