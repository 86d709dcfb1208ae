"""Routes about one image: its pixels, its labels, what the network decides."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from threading import Lock

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from contextseg.explorer import pictures
from contextseg.explorer.binary import array_response, halved
from contextseg.explorer.parameters import model_of, number_of
from contextseg.explorer.project import Project
from contextseg.explorer.session import Session

THUMBNAILS = 4000
"""Small pictures that are kept, some 6 kB each."""


def image_routes(session: Session, project: Project) -> Sequence[Route]:
    """`/api/{number}/thumbnail`, `image`, `meta`, `logits`, `truth`."""
    small: OrderedDict[int, bytes] = OrderedDict()
    lock = Lock()

    def thumbnail(request: Request) -> Response:
        number = number_of(request)
        item = project.item(number)
        with lock:
            data = small.get(number)
        if data is None:
            data = pictures.thumbnail(item.read())
            with lock:
                small[number] = data
                while len(small) > THUMBNAILS:
                    small.popitem(last=False)
        return Response(data, media_type="image/jpeg")

    def image(request: Request) -> Response:
        found = project.item(number_of(request)).read()
        return Response(pictures.full(found), media_type="image/jpeg")

    def meta(request: Request) -> Response:
        number, model = number_of(request), model_of(request)
        found = session.inspection(number, model)
        session.prepare(number + 1, model)
        height, width = found.image.shape[:2]
        _, rows, columns = found.coarse_logits.shape
        presence = found.presence_logits
        return JSONResponse(
            {
                "n": number,
                "name": project.item(number).name,
                "height": height,
                "width": width,
                "canvas": list(found.canvas),
                "alignCorners": found.align_corners,
                "rows": rows,
                "columns": columns,
                "presence": None if presence is None else presence.tolist(),
                "truth": project.item(number).truth is not None,
            }
        )

    def logits(request: Request) -> Response:
        return array_response(halved(session.logits(number_of(request), model_of(request))))

    def truth(request: Request) -> Response:
        labels = project.truth(number_of(request))
        if labels is None:
            raise HTTPException(404, "this image has no labels.")
        return array_response(labels)

    paths = {
        "thumbnail": thumbnail,
        "image": image,
        "meta": meta,
        "logits": logits,
        "truth": truth,
    }
    return [Route(f"/api/{{number:int}}/{name}", call) for name, call in paths.items()]
