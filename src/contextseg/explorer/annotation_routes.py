"""Routes that save: masks and what else a person did to an image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from contextseg.explorer.annotations import AnnotationProject
from contextseg.explorer.binary import array_response
from contextseg.explorer.guard import read_body, unpacked
from contextseg.explorer.parameters import number_of, revision_of
from contextseg.explorer.session import Session
from contextseg.explorer.superpixels import superpixels
from contextseg.system.json_text import load_json

LARGEST_STATE = 2**20


def annotation_routes(session: Session, project: AnnotationProject) -> Sequence[Route]:
    """`mask`, `state` and `superpixels` of an image, and `/api/progress`."""

    def mask(request: Request) -> Response:
        labels, revision = project.mask(number_of(request))
        if labels is None:
            return Response(status_code=204, headers={"ETag": f'"{revision}"'})
        return array_response(labels, {"ETag": f'"{revision}"'})

    async def save_mask(request: Request) -> Response:
        number, expected = number_of(request), revision_of(request)
        height, width = project.item(number).size()
        data = unpacked(await read_body(request, height * width + 4096), height * width)
        if len(data) != height * width:
            raise ValueError(f"the mask must have {height * width} bytes, got {len(data)}.")
        labels = np.frombuffer(data, np.uint8).reshape(height, width)
        revision = await _in_thread(project.save_mask, number, labels, expected)
        return JSONResponse({"revision": revision}, headers={"ETag": f'"{revision}"'})

    def state(request: Request) -> Response:
        content, revision = project.state(number_of(request))
        return JSONResponse({"state": content, "revision": revision})

    async def save_state(request: Request) -> Response:
        number, expected = number_of(request), revision_of(request)
        content = load_json((await read_body(request, LARGEST_STATE)).decode())
        if not isinstance(content, dict):
            raise ValueError("the state must be an object.")
        revision = await _in_thread(project.save_state, number, content, expected)
        return JSONResponse({"revision": revision}, headers={"ETag": f'"{revision}"'})

    def pieces(request: Request) -> Response:
        return array_response(superpixels(project.item(number_of(request)).read()))

    def progress(request: Request) -> Response:
        return JSONResponse({"labelled": len(project.labelled()), "count": len(project)})

    return [
        Route("/api/{number:int}/mask", mask),
        Route("/api/{number:int}/mask", save_mask, methods=["PUT"]),
        Route("/api/{number:int}/state", state),
        Route("/api/{number:int}/state", save_state, methods=["PUT"]),
        Route("/api/{number:int}/superpixels", pieces),
        Route("/api/progress", progress),
    ]


async def _in_thread(call: Any, *arguments: Any) -> Any:
    """Call a function that waits for files without holding up other requests."""
    from starlette.concurrency import run_in_threadpool

    return await run_in_threadpool(call, *arguments)
