"""Routes about what happened inside the network: gates, codewords, prior, contexts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
import torch
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from contextseg.explorer.binary import array_response, halved
from contextseg.explorer.internals import ideal_affinity
from contextseg.explorer.parameters import integer, model_of, number_of
from contextseg.explorer.session import Session

LARGEST_PRIOR = 16 * 2**20
"""Bytes below which the whole prior travels at once."""
MOST_SHOWN = 24
"""Photos that are listed for a codeword."""
Part = TypeVar("Part")


def internal_routes(session: Session) -> Sequence[Route]:
    """`gamma`, `channel`, `assignment`, `prior`, `contexts` of an image, and `/api/codewords`."""

    def gamma(request: Request) -> Response:
        found = session.inspection(number_of(request), model_of(request))
        return JSONResponse({"gates": _there(found.gates, "gates").tolist()})

    def channel(request: Request) -> Response:
        found = session.inspection(number_of(request), model_of(request))
        before, after = _there(found.features, "gates"), _there(found.gated, "gates")
        index = request.path_params["channel"]
        if index >= len(before):
            raise IndexError(f"there is no channel {index}.")
        return array_response(torch.stack([before[index], after[index]]).numpy())

    def assignment(request: Request) -> Response:
        found = session.inspection(number_of(request), model_of(request))
        return array_response(_there(found.assignment, "codewords").numpy())

    def codeword(request: Request) -> Response:
        index = request.path_params["codeword"]
        shares = session.shares(model_of(request))
        known = {n: float(share[index]) for n, share in shares.items() if index < len(share)}
        order = sorted(known, key=lambda n: -known[n])[:MOST_SHOWN]
        return JSONResponse({"images": [{"n": n, "share": known[n]} for n in order]})

    def prior(request: Request) -> Response:
        number, model = number_of(request), model_of(request)
        found = session.inspection(number, model)
        matrix = _there(found.prior, "context prior")
        row, column = integer(request, "row"), integer(request, "column")
        predicted = matrix.row(row, column)[0].float().cpu().numpy()
        labels = session.project.truth(number)
        if labels is None:
            return array_response(predicted[None])
        ideal = ideal_affinity(labels, found.canvas, matrix.size, matrix.grid, (row, column))
        return array_response(np.stack([predicted, ideal]))

    def whole_prior(request: Request) -> Response:
        matrix = _there(
            session.inspection(number_of(request), model_of(request)).prior, "context prior"
        )
        (rows, columns), (grid_rows, grid_columns) = matrix.size, matrix.grid
        if 2 * rows * columns * grid_rows * grid_columns > LARGEST_PRIOR:
            raise HTTPException(413, "the prior of this image is too large; ask for single rows.")
        dense = matrix.dense()[0].float().cpu().numpy()
        return array_response(halved(dense.reshape(rows, columns, grid_rows, grid_columns)))

    def contexts(request: Request) -> Response:
        found = session.inspection(number_of(request), model_of(request))
        maps = _there(found.contexts, "context prior")
        return array_response(torch.stack([maps[name].norm(dim=0) for name in maps]).numpy())

    return [
        Route("/api/{number:int}/gamma", gamma),
        Route("/api/{number:int}/channel/{channel:int}", channel),
        Route("/api/{number:int}/assignment", assignment),
        Route("/api/codewords/{codeword:int}", codeword),
        Route("/api/{number:int}/prior", prior),
        Route("/api/{number:int}/prior/all", whole_prior),
        Route("/api/{number:int}/contexts", contexts),
    ]


def _there(part: Part | None, name: str) -> Part:
    """What the model has.

    Raises:
        HTTPException: 404: it has none.
    """
    if part is None:
        raise HTTPException(404, f"this model has no {name}.")
    return part
