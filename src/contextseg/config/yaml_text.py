"""Options as YAML text, on top of PyYAML's safe loader and dumper."""

from __future__ import annotations

import re
from typing import Any

import yaml

from contextseg.system.excerpts import abridged
from contextseg.system.resources import in_words

LONGEST = 2**20
"""Bytes of a file of options; our own have some three thousand."""
MOST = 20_000
"""Values and keys in it."""
DEEPEST = 32
"""Levels of lists and mappings in each other."""
_TOO_DEEP = f"it nests more than {DEEPEST} levels deep, as options never do"


def load_yaml(text: str | bytes) -> Any:
    """The content of `text`: mappings, lists, text, numbers, booleans and None only.

    Numbers such as 1e-3 are numbers, although YAML 1.1 reads them as text.

    Raises:
        ValueError: `text` is not YAML, repeats a key, or is larger or deeper than options are.
    """
    if len(text) > LONGEST:
        raise ValueError(f"it is longer than {in_words(LONGEST)}, as options never are")
    try:
        loader = _Loader(text)
        try:
            node = loader.get_single_node()
            if node is None:
                return None
            _check_size(node)
            return loader.construct_document(node)
        finally:
            loader.dispose()
    except RecursionError:
        raise ValueError(_TOO_DEEP) from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(abridged(" ".join(str(error).split()))) from None
    except (AttributeError, LookupError, TypeError, OverflowError):  # PyYAML believes tags
        raise ValueError("a value is not what its tag says, such as !!bool or !!set") from None


def _check_size(root: yaml.Node) -> None:
    """Raise if a document holds itself or more than options do.

    Aliases (`*name`) are counted as often as they occur: a few lines of them would grow to any
    size as soon as something walks through the values.
    """
    values: dict[int, int] = {}

    def count(node: yaml.Node, depth: int) -> int:
        if depth > DEEPEST:  # also where a node holds itself
            raise ValueError(_TOO_DEEP)
        if id(node) not in values:
            inner = node.value if isinstance(node, yaml.CollectionNode) else ()
            parts = (part for one in inner for part in (one if isinstance(one, tuple) else (one,)))
            values[id(node)] = 1 + sum(count(part, depth + 1) for part in parts)
        return values[id(node)]

    if count(root, 0) > MOST:
        raise ValueError(f"it holds more than {MOST} values, counting aliases, as options never do")


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
