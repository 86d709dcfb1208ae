"""The routes of the page. Who may call them is `guard`'s business."""

from __future__ import annotations

from collections.abc import Callable
from importlib.resources import files
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from contextseg.data.picture_files import ImageError
from contextseg.explorer.annotation_routes import annotation_routes
from contextseg.explorer.annotations import AnnotationProject, StaleError
from contextseg.explorer.guard import TooLargeError
from contextseg.explorer.image_routes import image_routes
from contextseg.explorer.internal_routes import internal_routes
from contextseg.explorer.learning_routes import learning_routes
from contextseg.explorer.project import Project
from contextseg.explorer.project_routes import project_routes
from contextseg.explorer.session import Session

MEDIA = {".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8",
         ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml"}  # fmt: skip


def create_app(session: Session, project: Project) -> Starlette:
    """The application, for exploring or for annotating, by the kind of the project."""
    mode = "annotate" if isinstance(project, AnnotationProject) else "explore"
    routes = [
        Route("/", _page(mode)),
        Route("/static/{path:path}", _static),
        *project_routes(session, project, mode),
        *image_routes(session, project),
        *internal_routes(session),
    ]
    if isinstance(project, AnnotationProject):
        routes += [*annotation_routes(session, project), *learning_routes(session, project)]
    return Starlette(
        routes=routes,
        exception_handlers={
            HTTPException: _http_error,
            IndexError: _failure(404),
            ImageError: _failure(415),
            StaleError: _stale,
            TooLargeError: _failure(413),
            ValueError: _failure(400),
        },
    )


def _page(mode: str) -> Callable[[Request], Response]:
    def page(request: Request) -> Response:
        text = files("contextseg.explorer").joinpath("static/index.html").read_text("utf-8")
        return Response(text.replace("{mode}", mode), media_type=MEDIA[".html"])

    return page


def _static(request: Request) -> Response:
    """A file of the page, by a list of what there is."""
    name = request.path_params["path"]
    if name not in _files():
        raise HTTPException(404, "there is no such file.")
    content = files("contextseg.explorer").joinpath("static", name).read_bytes()
    return Response(content, media_type=MEDIA["." + name.rpartition(".")[2]])


def _files() -> set[str]:
    """Paths of the files of the page below `static/`."""
    found: set[str] = set()

    def search(folder: Any, prefix: str) -> None:
        for each in folder.iterdir():
            if each.is_dir():
                search(each, f"{prefix}{each.name}/")
            elif "." + each.name.rpartition(".")[2] in MEDIA:
                found.add(prefix + each.name)

    search(files("contextseg.explorer").joinpath("static"), "")
    return found


def _failure(status: int) -> Callable[[Request, Exception], Response]:
    def answer(request: Request, error: Exception) -> Response:
        return JSONResponse({"error": str(error)}, status)

    return answer


def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return JSONResponse({"error": error.detail}, error.status_code, error.headers)


def _stale(request: Request, error: Exception) -> Response:
    assert isinstance(error, StaleError)
    return JSONResponse({"error": str(error), "revision": error.revision}, 409)
