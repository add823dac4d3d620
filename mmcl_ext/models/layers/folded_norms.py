"""Batch norms in evaluation, folded into the weights before them."""

import copy
from collections import Counter
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from mmcl_ext.models.layers.weight_watch import WeightWatch

_NORMS = (nn.BatchNorm2d, nn.SyncBatchNorm)  # subclasses may do more, such as an activation
_TOLERANCE = 1e-3  # of the largest value; rounding is far below, a wrong fold far above


def norm_affine(norm: Any) -> tuple[Tensor, Tensor]:
    """Return scale and shift (C,) of a normalisation in evaluation."""
    scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
    return scale, norm.bias - norm.running_mean * scale


class FoldedNorms:
    """Keeps the folded copy of a network whose weights do not change, such as a frozen encoder.

    The network keeps its weights and its state dictionary; the copy is outside of both, and made
    anew when a weight was replaced, moved or edited. Copies and pickles start without one.
    """

    def __init__(self) -> None:
        self._watch = WeightWatch(compare=False)
        self._folded: nn.Module | None = None

    def __deepcopy__(self, memo: dict[int, Any]) -> 'FoldedNorms':
        return FoldedNorms()

    def __reduce__(self) -> tuple[type['FoldedNorms'], tuple[()]]:
        return FoldedNorms, ()

    def of(self, network: nn.Module, run: Callable[[Any], Tensor]) -> Any:
        """Return the folded copy, see :func:`fold_norms`."""
        if self._watch.has_changed(network) or self._folded is None:
            self._folded = fold_norms(network, run)
        return self._folded


@torch.inference_mode(False)
@torch.no_grad()
def fold_norms(network: nn.Module, run: Callable[[Any], Tensor]) -> nn.Module:
    """Copy a network in evaluation, with batch norms folded into the convolutions before them.

    ``run`` computes an output of the network, and of the copy, from an example without random
    numbers. It shows which norm follows which convolution, and that the copy is right: where its
    output differs by more than rounding, or nothing can be folded, the network itself is returned.
    """
    pairs, expected = _follow(network, run)
    if not pairs:
        return network
    folded = copy.deepcopy(network)
    for conv, norm in pairs:
        _fold(folded, conv, norm)
    largest = (run(folded) - expected).abs().max()
    return folded if bool(largest <= _TOLERANCE * expected.abs().max()) else network


def _follow(
    network: nn.Module, run: Callable[[Any], Tensor]
) -> tuple[list[tuple[str, str]], Tensor]:
    """Run a network; name the convolutions whose output a batch norm gets, and those norms."""
    outputs: dict[int, tuple[str, Tensor, int]] = {}  # kept, so that none comes at its address
    calls, pairs = Counter[str](), list[tuple[str, str]]()

    def note_output(name: str) -> Callable[..., None]:
        def hook(module: nn.Module, args: Any, output: Tensor) -> None:
            calls[name] += 1
            outputs[id(output)] = (name, output, output._version)

        return hook

    def note_input(name: str) -> Callable[..., None]:
        def hook(module: nn.Module, args: Any) -> None:
            calls[name] += 1
            conv, _, version = outputs.get(id(args[0]), ('', None, -1))
            if version == args[0]._version:  # nothing has changed it in between
                pairs.append((conv, name))

        return hook

    handles = []
    for name, module in network.named_modules():
        if isinstance(module, nn.Conv2d) and 'weight' in module._parameters:
            handles.append(module.register_forward_hook(note_output(name)))
        elif type(module) in _NORMS and _is_constant(module):
            handles.append(module.register_forward_pre_hook(note_input(name)))
    try:
        output = run(network)
    finally:
        for handle in handles:
            handle.remove()
    return [(conv, norm) for conv, norm in pairs if calls[conv] == calls[norm] == 1], output


def _is_constant(norm: Any) -> bool:
    return not norm.training and norm.affine and norm.running_var is not None


def _fold(network: nn.Module, conv_name: str, norm_name: str) -> None:
    """Change a convolution so that it normalises its output, and take the norm away."""
    conv: Any = network.get_submodule(conv_name)
    scale, shift = norm_affine(network.get_submodule(norm_name))
    bias = shift if conv.bias is None else conv.bias * scale + shift
    conv.weight = nn.Parameter(conv.weight * scale.view(-1, 1, 1, 1), requires_grad=False)
    conv.bias = nn.Parameter(bias.clone(), requires_grad=False)
    parent, _, name = norm_name.rpartition('.')
    network.get_submodule(parent).add_module(name, nn.Identity())
