"""Sizes in a traced graph by division of whole numbers, which PyTorch can save."""

from __future__ import annotations

import math
import operator
from typing import Any

from torch import SymInt
from torch.fx import Graph


def divide_whole_numbers(graph: Graph) -> None:
    """Replace `ceil(a / b)` of whole numbers by `-(-a // b)`, which is the same.

    timm's padding of "same" convolutions and poolings computes sizes like that, and the first form
    has no representation in a .pt2 file. The second is exact for numbers of any size.
    """
    for node in list(graph.nodes):
        if node.target is not math.ceil:
            continue
        (quotient,) = node.args
        if quotient.target is not operator.truediv or not all(map(_is_whole, quotient.args)):
            continue
        dividend, divisor = quotient.args
        with graph.inserting_before(node):
            negative = graph.call_function(operator.neg, (dividend,))
            floored = graph.call_function(operator.floordiv, (negative, divisor))
            result = graph.call_function(operator.neg, (floored,))
        values = [_value(argument) for argument in (dividend, divisor)]
        negative.meta["val"] = -values[0]
        floored.meta["val"] = -values[0] // values[1]
        result.meta["val"] = -(-values[0] // values[1])
        node.replace_all_uses_with(result)
        graph.erase_node(node)
        if not quotient.users:
            graph.erase_node(quotient)


def _value(argument: object) -> Any:
    """What stands for a number while a graph is traced: itself, or its symbol."""
    meta = getattr(argument, "meta", None)
    return argument if meta is None else meta.get("val")


def _is_whole(argument: object) -> bool:
    return isinstance(_value(argument), int | SymInt)
