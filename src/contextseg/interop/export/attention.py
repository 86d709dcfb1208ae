"""Attention of five or more dimensions in a traced graph, as products that every exporter knows."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor
from torch.fx import Graph, Node

ATTENTION = torch.ops.aten.scaled_dot_product_attention.default


def spell_out_attention(graph: Graph) -> None:
    """Replace attention of other than four dimensions by matrix products and a softmax.

    Attention in windows has a dimension for them. PyTorch's exporter takes four dimensions only,
    and PyTorch itself has no faster form of others.
    """
    for node in list(graph.nodes):
        if node.target is ATTENTION and node.args[0].meta["val"].dim() != 4:
            with graph.inserting_before(node):
                result = _attention(graph, *node.args, **node.kwargs)
            node.replace_all_uses_with(result)
            graph.erase_node(node)


def _attention(
    graph: Graph,
    query: Node,
    key: Node,
    value: Node,
    attn_mask: Node | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    *,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Node:
    """Attention in separate operators, for evaluation."""
    if is_causal or enable_gqa:
        raise ValueError("causal and grouped attention have four dimensions in every backbone.")
    aten = torch.ops.aten
    if scale is None:
        scale = 1 / math.sqrt(int(query.meta["val"].shape[-1]))
    scores = _call(graph, aten.mul.Tensor, query, scale)
    turned = _call(graph, aten.transpose.int, key, -2, -1)
    scores = _call(graph, aten.matmul.default, scores, turned)
    if attn_mask is not None:
        if attn_mask.meta["val"].dtype == torch.bool:
            unseen = _call(graph, aten.logical_not.default, attn_mask)
            scores = _call(graph, aten.masked_fill.Scalar, scores, unseen, -math.inf)
        else:
            scores = _call(graph, aten.add.Tensor, scores, attn_mask)
    weights = _call(graph, aten.softmax.int, scores, -1)
    return _call(graph, aten.matmul.default, weights, value)


def _call(graph: Graph, target: Any, *arguments: Any) -> Node:
    """A node that calls an operator, with what stands for its result."""
    node = graph.call_function(target, arguments)
    values = [item.meta["val"] if isinstance(item, Node) else item for item in arguments]
    result = target(*values)
    assert isinstance(result, Tensor)
    node.meta["val"] = result
    return node
