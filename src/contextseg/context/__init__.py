"""Context modules: what each pixel is told of the rest of the image."""

from __future__ import annotations

from contextseg.context.context_encoding import ContextEncoding
from contextseg.context.cpnet import CPNetContext
from contextseg.context.encoding import Encoding
from contextseg.context.jpu import JPU
from contextseg.context.stages import EncNetContext, FCNContext, PooledContext

__all__ = [
    "JPU",
    "CPNetContext",
    "ContextEncoding",
    "EncNetContext",
    "Encoding",
    "FCNContext",
    "PooledContext",
]
