"""Features of person slots in which nobody is: constants of a network in evaluation."""

from collections.abc import Hashable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

_MOST_FEATURES = 64


class EmptyPersons:
    """Remembers what a network in evaluation makes of persons that are all zero.

    The feature of such a person depends on the weights, the person slot, the number of
    frames, the data type and the device, and on nothing else. A feature is forgotten when
    a weight was replaced, moved or edited. Copies and pickles of the network start with
    an empty memory.

    Args:
        checksum: Whether edits behind PyTorch's back, such as ``p.data.mul_(2)``, are looked
            for too, which reads all weights once.
    """

    def __init__(self, checksum: bool = True) -> None:
        self.checksum = checksum
        self._features: dict[Hashable, Tensor] = {}
        self._weights: list[Tensor] = []
        self._versions: list[int] = []
        self._sums: Tensor | None = None

    def __deepcopy__(self, memo: dict[int, Any]) -> 'EmptyPersons':
        return EmptyPersons(self.checksum)

    def __reduce__(self) -> tuple[type['EmptyPersons'], tuple[bool]]:
        return EmptyPersons, (self.checksum,)

    def __len__(self) -> int:
        return len(self._features)

    def clear(self) -> None:
        """Forget everything."""
        self._features, self._weights, self._versions, self._sums = {}, [], [], None

    def refresh(self, network: nn.Module) -> None:
        """Forget the features if the network's weights are not those that made them."""
        tensors = list(_tensors(network))
        sums = _checksum(tensors if self.checksum else [])
        if not self._holds(tensors, sums):
            self.clear()
            # Aliases keep the memory: no other weight can come to lie at the same address.
            self._weights = [tensor.detach() for tensor in tensors]
            self._versions = [_version(tensor) for tensor in tensors]
            self._sums = sums

    def _holds(self, tensors: list[Tensor], sums: Tensor) -> bool:
        """Whether these are the weights of the last time, unchanged."""
        if self._sums is None or len(tensors) != len(self._weights):
            return False
        known = zip(tensors, self._weights, self._versions, strict=True)
        return torch.equal(sums, self._sums) and all(
            tensor.data_ptr() == before.data_ptr()
            and tensor.dtype == before.dtype
            and _version(tensor) == version
            for tensor, before, version in known
        )

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
    # Inference tensors count no versions; the checksum alone watches them.
    return -1 if tensor.is_inference() else tensor._version


@torch.no_grad()
def _checksum(tensors: list[Tensor]) -> Tensor:
    """Sum up the weights, for edits that PyTorch does not count, such as ``p.data.mul_(2)``."""
    by_device: dict[torch.device, list[Tensor]] = {}
    for tensor in tensors:
        by_device.setdefault(tensor.device, []).append(tensor.reshape(-1).float())
    sums = []
    for parts in by_device.values():
        values = torch.cat(parts)
        # The second number tells permutations apart.
        sums.append(torch.stack((values.sum(), values[:-1].dot(values[1:]))).cpu())
    return torch.cat(sums) if sums else torch.empty(0)
