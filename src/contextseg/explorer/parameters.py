"""What a request asks for, checked."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.requests import Request


def number_of(request: Request) -> int:
    """The image's number in the path."""
    return request.path_params["number"]


def model_of(request: Request) -> int:
    """The model's number in the query; 0 if it names none."""
    return integer(request, "model", 0)


def integer(request: Request, name: str, otherwise: int | None = None) -> int:
    """A whole number of at least 0 in the query.

    Raises:
        HTTPException: 400: it is missing or something else.
    """
    text = request.query_params.get(name)
    if text is None and otherwise is not None:
        return otherwise
    if text is None or not text.isascii() or not text.isdigit() or len(text) > 9:
        raise HTTPException(400, f"{name} must be a whole number of at least 0.")
    return int(text)


def revision_of(request: Request) -> str:
    """The revision that a writer started from.

    Raises:
        HTTPException: 428: the request does not say.
    """
    given = request.headers.get("if-match", "").strip('"')
    if not given:
        raise HTTPException(428, "name the revision that this replaces (If-Match).")
    return given
