from collections.abc import Hashable
from typing import Any

import torch
from torch import Tensor, nn

from mmcl_ext.models.layers.weight_watch import WeightWatch

_MOST_FEATURES = 64


class EmptyPersonCache:
    """Remembers what a network in evaluation makes of persons that are all zero.

    The feature of such a person depends on the weights, the person slot, the number of
    frames, the data type and the device, and on nothing else. A feature is forgotten when
    a weight was replaced, moved or edited, as :class:`WeightWatch` notices with ``compare``.
    Copies and pickles of the network start with an empty memory.
    """

    def __init__(self, compare: bool = True) -> None:
        self._watch = WeightWatch(compare)
        self.clear()

    def __deepcopy__(self, memo: dict[int, Any]) -> 'EmptyPersonCache':
        return EmptyPersonCache(self._watch.compare)

    def __reduce__(self) -> tuple[type['EmptyPersonCache'], tuple[bool]]:
        return EmptyPersonCache, (self._watch.compare,)

    def __len__(self) -> int:
        return len(self._features)

    def clear(self) -> None:
        """Forget everything."""
        self._features: dict[Hashable, Tensor] = {}
        self._watch.clear()

    def refresh(self, network: nn.Module) -> None:
        """Forget the features if the network's weights are not those that made them."""
        if self._watch.has_changed(network):
            self._features = {}

    def get(self, key: Hashable) -> Tensor | None:
        """Return a remembered feature (C', T', V), or None."""
        return self._features.get(key)

    def put(self, key: Hashable, feature: Tensor) -> None:
        """Remember a feature (C', T', V); the oldest one goes when there are many."""
        while len(self._features) >= _MOST_FEATURES:
            del self._features[next(iter(self._features))]
        self._features[key] = feature


def settings_key(x: Tensor) -> tuple[Hashable, ...]:
    """Return what else a feature depends on: length, data type, device, autocast."""
    kind = x.device.type
    autocast = torch.is_autocast_enabled(kind)
    return (
        x.shape[2],
        x.dtype,
        x.device,
        torch.get_autocast_dtype(kind) if autocast else None,
    )
