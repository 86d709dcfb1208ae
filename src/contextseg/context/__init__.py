"""Context modules: what each pixel is told of the rest of the image."""

from __future__ import annotations

from contextseg.context.context_encoding import ContextEncoding
from contextseg.context.encoding import Encoding
from contextseg.context.gate import EncodingGate
from contextseg.context.insert import insert_gates
from contextseg.context.stages import EncNetContext, FCNContext

__all__ = [
    "ContextEncoding",
    "EncNetContext",
    "Encoding",
    "EncodingGate",
    "FCNContext",
    "insert_gates",
]
