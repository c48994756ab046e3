"""The tokens of a padded batch without its padding: what works token by token need not work on pads."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor


class Packing:
    """Which places of a batch [n, length] hold a token; N tokens in all, sentence after sentence."""

    def __init__(self, there: Tensor) -> None:
        self.there = there
        """[n, length] bool."""
        self._rows = None if bool(there.all()) else there.flatten().nonzero()[:, 0]

    @property
    def seen(self) -> Tensor | None:
        """Which keys may be attended to, [n, 1, 1, length]; None where all may."""
        return None if self._rows is None else self.there[:, None, None]

    def flat(self, padded: Tensor) -> Tensor:
        """[n, length, dim] to [N, dim]."""
        places = padded.flatten(0, 1)
        return places if self._rows is None else places.index_select(0, self._rows)

    def padded(self, flat: Tensor) -> Tensor:
        """[N, dim] to [n, length, dim], with zeros where no token is."""
        shape = (*self.there.shape, flat.size(-1))
        if self._rows is None:
            return flat.view(shape)
        return flat.new_zeros(self.there.numel(), flat.size(-1)).index_copy(0, self._rows, flat).view(shape)


class Crossing(NamedTuple):
    """The tokens that attend, and those that are attended to, of the same n sentences or of their translations."""

    queries: Packing
    keys: Packing
