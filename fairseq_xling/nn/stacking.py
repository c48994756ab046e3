"""Progressive stacking (Gong et al. 2019; LaBSE, arXiv 2007.01852, section 3.2): a deeper model from a shallow one."""

from __future__ import annotations

import re
from collections.abc import Mapping

from torch import Tensor


def depth_of(state: Mapping[str, Tensor], layers: str) -> int:
    """How many layers `state` has under the prefix `layers`, such as `encoder.layers.`."""
    pattern = re.compile(re.escape(layers) + r"(\d+)\.")
    return 1 + max((int(found[1]) for name in state if (found := pattern.match(name))), default=-1)


def stacked(state: Mapping[str, Tensor], layers: str, depth: int) -> dict[str, Tensor]:
    """`state` with `depth` layers: layer i is a copy of layer i mod the old depth, everything else is carried over.

    Raises ValueError unless the old depth divides the new one.
    """
    old = depth_of(state, layers)
    if old == 0 or depth % old:
        raise ValueError(f"{depth} layers cannot be stacked from {old}: the one must be a multiple of the other")
    found = {name: value for name, value in state.items() if not name.startswith(layers)}
    for name, value in state.items():
        if name.startswith(layers):
            number, _, rest = name.removeprefix(layers).partition(".")
            for copy in range(int(number), depth, old):
                found[f"{layers}{copy}.{rest}"] = value.clone()
    return found
