from collections.abc import Hashable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

_MOST_FEATURES = 64


class EmptyPersonCache:
    """Remembers what a network in evaluation makes of persons that are all zero.

    The feature of such a person depends on the weights, the person slot, the number of
    frames, the data type and the device, and on nothing else. A feature is forgotten when
    a weight was replaced, moved or edited; with ``compare`` also behind PyTorch's back, as by
    ``p.data.mul_(2)``: the weights are then compared with a copy of them, number by number.
    Copies and pickles of the network start with an empty memory.
    """

    def __init__(self, compare: bool = True) -> None:
        self.compare = compare
        self.clear()

    def __deepcopy__(self, memo: dict[int, Any]) -> 'EmptyPersonCache':
        return EmptyPersonCache(self.compare)

    def __reduce__(self) -> tuple[type['EmptyPersonCache'], tuple[bool]]:
        return EmptyPersonCache, (self.compare,)

    def __len__(self) -> int:
        return len(self._features)

    def clear(self) -> None:
        """Forget everything."""
        self._features: dict[Hashable, Tensor] = {}
        self._weights: list[Tensor] = []
        self._versions: list[int] = []
        self._values: list[Tensor] = []

    def refresh(self, network: nn.Module) -> None:
        """Forget the features if the network's weights are not those that made them."""
        tensors = list(_tensors(network))
        if self._holds(tensors):
            return
        self.clear()
        # Aliases keep the memory: no other weight can come to lie at the same address.
        self._weights = [tensor.detach() for tensor in tensors]
        self._versions = [_version(tensor) for tensor in tensors]
        self._values = [values.clone() for values in _joined(tensors if self.compare else [])]

    def _holds(self, tensors: list[Tensor]) -> bool:
        """Whether these are the weights of the last time, unchanged."""
        if not self._weights or len(tensors) != len(self._weights):
            return False
        known = zip(tensors, self._weights, self._versions, strict=True)
        return all(
            tensor.data_ptr() == before.data_ptr()
            and tensor.dtype == before.dtype
            and _version(tensor) == version
            for tensor, before, version in known
        ) and all(map(torch.equal, _joined(tensors if self.compare else []), self._values))

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


def _tensors(network: nn.Module) -> Iterator[Tensor]:
    """Yield weights and buffers; faster than ``parameters()``, which builds names."""
    for module in network.modules():
        for tensor in (*module._parameters.values(), *module._buffers.values()):
            if tensor is not None:
                yield tensor


def _version(tensor: Tensor) -> int:
    # Inference tensors count no versions; the comparison alone watches them.
    return -1 if tensor.is_inference() else tensor._version


def _joined(tensors: list[Tensor]) -> list[Tensor]:
    """Return values to compare: one tensor of a kind on an accelerator, which each one halts."""
    values, groups = [], dict[Hashable, list[Tensor]]()
    for tensor in tensors:
        if tensor.device.type == 'cpu':
            values.append(tensor)
        else:
            groups.setdefault((tensor.device, tensor.dtype), []).append(tensor.flatten())
    return values + [torch.cat(group) for group in groups.values()]
