"""Say in which of a user's callbacks an exception was raised."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import lightning.pytorch as pl
from lightning.pytorch.callbacks import Checkpoint

HOOKS = tuple(name for name in vars(pl.Callback)
              if name.startswith("on_") or name in ("setup", "teardown"))  # fmt: skip


def check_callbacks(callbacks: Sequence[Any]) -> list[pl.Callback]:
    """The callbacks as a list.

    Raises:
        ValueError: one is no callback of Lightning, or one that writes checkpoints.
    """
    for callback in callbacks:
        kind = type(callback)
        if not isinstance(callback, pl.Callback):
            raise ValueError(
                f"callbacks must be instances of lightning.pytorch.Callback, got {kind.__module__}."
                f"{kind.__qualname__}. (The package pytorch_lightning has a class of its own.)"
            )
        if isinstance(callback, Checkpoint):
            raise ValueError(
                f"callbacks: {kind.__qualname__} writes checkpoints, which a run does itself. Set "
                f"checkpoint_every, or copy files in on_validation_end."
            )
    return list(callbacks)


@contextmanager
def named_failures(callbacks: Sequence[pl.Callback]) -> Iterator[None]:
    """A block in which an exception of a callback carries a note with its name and hook."""
    for callback in callbacks:
        for hook in HOOKS:
            own = vars(callback).get(hook)  # as Lightning's LambdaCallback has them
            if own is not None or getattr(type(callback), hook) is not getattr(pl.Callback, hook):
                vars(callback)[hook] = _Noted(callback, hook, own)
    try:
        yield
    finally:
        for callback in callbacks:
            for hook, noted in list(vars(callback).items()):
                if isinstance(noted, _Noted):
                    del vars(callback)[hook]
                    if noted.own is not None:
                        vars(callback)[hook] = noted.own


@dataclass(eq=False)
class _Noted:
    """A hook of a callback; a class, because other processes get it by pickle."""

    callback: pl.Callback
    hook: str
    own: Any
    """The hook that the instance has, or None if its class has it."""

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        """Call the hook."""
        kind = type(self.callback)
        try:
            if self.own is not None:
                return self.own(*arguments, **options)
            return getattr(kind, self.hook)(self.callback, *arguments, **options)
        except Exception as error:
            error.add_note(f"This was raised by the callback {kind.__qualname__}, in {self.hook}.")
            raise
