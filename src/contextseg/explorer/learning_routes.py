"""Routes of what goes beyond one image: learning, exports, lists of classes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from contextseg.explorer.annotations import AnnotationProject
from contextseg.explorer.exports import Exports
from contextseg.explorer.guard import read_body
from contextseg.explorer.learning import Learning
from contextseg.explorer.session import Session
from contextseg.system.json_text import load_json

LARGEST = 100_000


def learning_routes(session: Session, project: AnnotationProject) -> Sequence[Route]:
    """`/api/learn`, `/api/export` and `/api/lists`."""
    learning, exports = Learning(session, project), Exports(project)
    session.at_close(learning.close)

    def learned(request: Request) -> Response:
        return JSONResponse(learning.status())

    async def learn(request: Request) -> Response:
        actions = {"start": learning.start, "stop": learning.stop, "accept": learning.accept}
        action = (await _content(request)).get("action")
        if action not in actions:
            raise ValueError(f"action must be one of {', '.join(actions)}.")
        await run_in_threadpool(actions[action])
        return JSONResponse(await run_in_threadpool(learning.status))

    def exported(request: Request) -> Response:
        return JSONResponse({"formats": exports.formats(), "exports": exports.names()})

    async def export(request: Request) -> Response:
        content = await _content(request)
        format, name = content.get("format"), content.get("name", "")
        if not isinstance(format, str) or not isinstance(name, str):
            raise ValueError('expected {"format": "...", "name": "..."}.')
        return JSONResponse(await run_in_threadpool(exports.write, format, name), 201)

    async def save_list(request: Request) -> Response:
        content = await _content(request)
        name, labels = content.get("name"), content.get("labels")
        if not isinstance(name, str) or not (labels is None or isinstance(labels, list)):
            raise ValueError('expected {"name": "...", "labels": [...] or null}.')
        await run_in_threadpool(project.save_list, name, labels)
        return JSONResponse({"lists": project.lists()})

    return [
        Route("/api/learn", learned),
        Route("/api/learn", learn, methods=["POST"]),
        Route("/api/export", exported),
        Route("/api/export", export, methods=["POST"]),
        Route("/api/lists", save_list, methods=["POST"]),
    ]


async def _content(request: Request) -> dict[str, Any]:
    content = load_json((await read_body(request, LARGEST)).decode())
    if not isinstance(content, dict):
        raise ValueError("the request must be an object.")
    return content
