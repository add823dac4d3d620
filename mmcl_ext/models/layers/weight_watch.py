from collections.abc import Hashable, Iterator

import torch
from torch import Tensor, nn


class WeightWatch:
    """Notices that a weight of a network was replaced, moved or edited.

    With ``compare`` also behind PyTorch's back, as by ``p.data.mul_(2)``: the weights are then
    compared with a copy of them, number by number.
    """

    def __init__(self, compare: bool = True) -> None:
        self.compare = compare
        self.clear()

    def clear(self) -> None:
        """Forget the weights."""
        self._weights: list[Tensor] = []
        self._versions: list[int] = []
        self._values: list[Tensor] = []

    def has_changed(self, network: nn.Module) -> bool:
        """Tell whether the weights are others than at the last call; at the first they are."""
        tensors = list(_tensors(network))
        if self._holds(tensors):
            return False
        # Aliases keep the memory: no other weight can come to lie at the same address.
        self._weights = [tensor.detach() for tensor in tensors]
        self._versions = [_version(tensor) for tensor in tensors]
        self._values = [values.clone() for values in _joined(tensors if self.compare else [])]
        return True

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
