"""Options as YAML text, on top of PyYAML's safe loader and dumper."""

from __future__ import annotations

import re
from typing import Any

import yaml


def load_yaml(text: str | bytes) -> Any:
    """The content of `text`: mappings, lists, text, numbers, booleans and None only.

    Numbers such as 1e-3 are numbers, although YAML 1.1 reads them as text.

    Raises:
        ValueError: `text` is not YAML, or repeats a key.
    """
    try:
        return yaml.load(text, Loader=_Loader)
    except yaml.YAMLError as error:
        raise ValueError(" ".join(str(error).split())) from None


def dump_yaml(values: dict[str, Any]) -> str:
    """`values` as YAML, in their order, each list on one line."""
    return yaml.dump(values, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)


class _Dumper(yaml.SafeDumper):
    """Writes each list on one line."""


_Dumper.add_representer(
    list,
    lambda dumper, values: dumper.represent_sequence(
        "tag:yaml.org,2002:seq", values, flow_style=True
    ),
)


class _Loader(yaml.SafeLoader):
    """Rejects repeated keys."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                continue
            if key.value in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"{key.value} is given twice", key.start_mark
                )
            seen.add(key.value)
        return super().construct_mapping(node, deep=deep)


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?\d+(\.\d*)?[eE][-+]?\d+$"), list("-+0123456789")
)
