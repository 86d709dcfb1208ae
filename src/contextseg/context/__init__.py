"""Context modules for any network: they give each pixel information on the rest of the image.

docs/classification.md has an example of each.
"""

from __future__ import annotations

from timm.layers.squeeze_excite import SEModule as SqueezeExcitation

from contextseg.context.aggregation import Aggregation
from contextseg.context.aspp import ASPP
from contextseg.context.context_encoding import ContextEncoding
from contextseg.context.context_prior import ContextPrior
from contextseg.context.cpnet import CPNetContext
from contextseg.context.deconvnet import DeconvNetContext
from contextseg.context.deeplabv2 import DeepLabV2Context, DilatedClassifiers
from contextseg.context.dilatednet import DilatedNetContext
from contextseg.context.encoding import Encoding
from contextseg.context.gate import EncodingGate
from contextseg.context.insert import insert_gates
from contextseg.context.jpu import JPU
from contextseg.context.outputs import ContextOutput, StageChannels, Stages
from contextseg.context.pyramid_pooling import PyramidPooling
from contextseg.context.refinenet import RefineNetContext
from contextseg.context.stages import EncNetContext, FCNContext, PooledContext

__all__ = [
    "ASPP",
    "JPU",
    "Aggregation",
    "CPNetContext",
    "ContextEncoding",
    "ContextOutput",
    "ContextPrior",
    "DeconvNetContext",
    "DeepLabV2Context",
    "DilatedClassifiers",
    "DilatedNetContext",
    "EncNetContext",
    "Encoding",
    "EncodingGate",
    "FCNContext",
    "PooledContext",
    "PyramidPooling",
    "RefineNetContext",
    "SqueezeExcitation",
    "StageChannels",
    "Stages",
    "insert_gates",
]
