"""Names of optimisers: PyTorch's SGD and AdamW, and those of timm's factory."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from contextseg.system.excerpts import excerpt
from contextseg.system.suggestions import did_you_mean

if TYPE_CHECKING:
    from contextseg.config.training import OptimConfig

OWN = ("sgd", "adamw")
"""Built from PyTorch directly, with every option."""
USUAL_MOMENTUM, USUAL_SQUARES_DECAY = 0.9, 0.999


def check_optimiser(config: OptimConfig) -> None:
    """Raise ValueError unless there is such an optimiser, and it has the options that are set."""
    name = config.name
    if name not in OWN and name not in (known := timm_optimisers()):
        raise ValueError(
            f"name: there is no optimiser {excerpt(name)}. "
            + did_you_mean(
                name.lower(),
                [*OWN, *known],
                f"Take {', '.join(OWN)}, or another name of timm.optim.list_optimizers().",
            )
        )
    if config.nesterov and name != "sgd":
        raise ValueError(f"nesterov is a form of SGD, not of {name}.")
    if config.nesterov and config.momentum == 0:
        raise ValueError("nesterov needs a momentum above 0.")
    if name in OWN:
        return
    if config.squares_decay != USUAL_SQUARES_DECAY:
        raise ValueError(
            f"squares_decay is an option of adamw; {name} has its own decay rates. Leave it out."
        )
    if config.momentum != USUAL_MOMENTUM and not timm_optimisers()[name]:
        raise ValueError(
            f"momentum is an option of sgd, adamw and optimisers with one momentum; {name} has its "
            f"own decay rates. Leave it out."
        )


@cache
def timm_optimisers() -> dict[str, bool]:
    """timm's optimisers, and whether each takes a momentum.

    Left out are those that need second derivatives, which a training step does not compute, and
    those that compile code in their first step, which takes a compiler and more than a minute.
    """
    from timm import optim

    library: Any = optim  # timm marks none of its names as public
    infos = {name: library.get_optimizer_info(name) for name in library.list_optimizers()}
    return {
        name: info.has_momentum
        for name, info in infos.items()
        if not info.second_order and not name.startswith("kron")
    }
