"""YAML and JSON that grow, nest, or hold numbers that nobody means."""

from __future__ import annotations

import json

from tests.hostile.models import nested


def aliases(levels: int) -> str:
    """Each level holds the one below ten times."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, levels)]
    return "\n".join(lines) + f"\nmodel: *a{levels - 1}\n"


def merges(levels: int) -> str:
    """Each level merges the one below ten times."""
    lines = ["a0: &a0 {x: 1}"]
    lines += [f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 10)}]}}" for n in range(1, levels)]
    return "\n".join(lines) + "\n"


def option(key: str, value: object) -> str:
    """A file with one option of the model."""
    return f"model: {json.dumps({key: value})}\n"


YAML: dict[str, str] = {
    "aliases-6": aliases(6),
    "aliases-8": aliases(8),
    "aliases-30": aliases(30),
    "merges": merges(12),
    "itself": "model: &a [*a]\n",
    "itself-in-a-mapping": "model: &a {context: *a}\n",
    "nested": f"model: {nested(10**5)}\n",
    "shallowly-nested": f"model: {nested(100)}\n",
    "nested-mappings": "model: " + "{a: " * 500 + "}" * 500,
    "blocks": "\n".join(" " * n + "a:" for n in range(500)),
    "long": "model: [" + "1, " * 10**6 + "]\n",
    "values": "model: [" + "1, " * 10**5 + "]\n",
    "python": "model: !!python/object/apply:os.system ['touch RAN']\n",
    "binary": "\x00\x01",
    "digits": "seed: " + "9" * 10**5 + "\n",
    "hex-digits": "seed: 0x" + "f" * 10**5 + "\n",
    "float-digits": "optim: {lr: 1" + "0" * 400 + "}\n",
    "date": "seed: 2001-99-99\n",
    "key": "? [a, b]\n: 1\n",
    "long-key": "a" * 10**5 + ": 1\n",
    "convolutions": option("context", {"name": "fcn", "num_convs": 10**7}),
    "bins": option("context", {"name": "pspnet", "bins": [1] * 10**4}),
    "bin": option("context", {"name": "pspnet", "bins": [10**5]}),
    "codewords": option("context", {"name": "encnet", "num_codewords": 10**9}),
    "grid": option("context", {"name": "cpnet", "prior_grid": [10**5, 10**5]}),
    "head": option("head_channels", 10**7),
    "infinite": option("dropout", float("inf")),
    "crop": f"augment: {{crop: [{10**7}, {10**7}]}}\n",
    "workers": f"data: {{workers: {10**6}}}\n",
    "batch": f"batch_size: {10**12}\n",
    "scales": "protocol: {scales: [" + "1, " * 1000 + "]}\n",
}

JSON: dict[str, str] = {
    "nested": nested(10**5),
    "shallowly-nested": nested(500),
    "nested-in-place": '{"classes": [{"id": 0, "name": ' + nested(100) + "}]}",
    "nested-dataset": '{"classes": [{"id": 0, "name": "a"}], "dataset": ' + nested(20) + "}",
    "long-name": json.dumps({"classes": [{"id": 0, "name": "a" * 10**6}]}),
    "long-id": json.dumps({"classes": [{"id": "9" * 10**6, "name": "a"}]}),
    "digits": '{"classes": [{"id": ' + "9" * 10**5 + ', "name": "a"}]}',
    "many": json.dumps({"classes": [{"id": 0, "name": "a"}] * 10**5}),
    "keys": json.dumps({"classes": [], **{f"k{n}": n for n in range(10**4)}}),
    "not-json": "{not json" + "x" * 10**6,
    "binary": "\x00\xff",
}
