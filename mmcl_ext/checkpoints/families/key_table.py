"""Two-way tables between published state dictionaries and ours."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from mmcl_ext.fileio.printable import counted

State = Mapping[str, Tensor]

NORM_ENTRIES = ('weight', 'bias', 'running_mean', 'running_var', 'num_batches_tracked')
CONV_ENTRIES = ('weight', 'bias')


class TensorPacking(NamedTuple):
    """How the tensors of several published entries lie in one of ours."""

    join: Callable[[list[Tensor]], Tensor]
    split: Callable[[Tensor, int], list[Tensor]]


class Rule(NamedTuple):
    """One entry of ours and the published entries that it holds."""

    ours: str
    theirs: tuple[str, ...]
    layout: TensorPacking


def _time_last(x: Tensor) -> Tensor:
    """Exchange kernel axes: theirs is (time, joint), ours (joint, time)."""
    return x.transpose(-1, -2) if x.ndim == 4 else x


SAME = TensorPacking(lambda parts: parts[0], lambda x, count: [x] * count)
"""One published entry, as it is."""

MERGED = TensorPacking(
    # Counters of merged normalisations have always advanced together.
    lambda parts: _time_last(torch.cat(parts)) if parts[0].ndim else parts[0],
    lambda x, count: list(_time_last(x).chunk(count)) if x.ndim else [x] * count,
)
"""Along the first axis, one after the other, with our order of kernel axes."""

INTERLEAVED = TensorPacking(
    lambda parts: torch.stack(parts, dim=1).flatten(0, 1),
    lambda x, count: list(x.unflatten(0, (-1, count)).unbind(1)),
)
"""Along the first axis, in turns."""

STACKED = TensorPacking(torch.stack, lambda x, count: list(x.unbind()))
"""Along a new first axis."""

INTERLEAVED_INPUTS = TensorPacking(
    lambda parts: torch.stack(parts, dim=2).flatten(1, 2),
    lambda x, count: list(x.unflatten(1, (-1, count)).unbind(2)),
)
"""Along the second axis, in turns."""


def reshaped(
    layout: TensorPacking, to_ours: Callable[[Tensor], Tensor], back: Callable
) -> TensorPacking:
    """Derive a layout whose joined tensor has another shape."""
    return TensorPacking(
        lambda parts: to_ours(layout.join(parts)),
        lambda x, count: layout.split(back(x), count),
    )


MERGED_1D = reshaped(
    MERGED,
    lambda x: x.squeeze(-1) if x.ndim == 4 else x,
    lambda x: x.unsqueeze(-1) if x.ndim == 3 else x,
)
"""Merged, and a 2D convolution of theirs is a 1D convolution of ours."""

TRANSPOSED = reshaped(SAME, lambda x: x.transpose(-1, -2), lambda x: x.transpose(-1, -2))
"""One published entry whose last two axes are exchanged."""


def rules(
    ours: str, theirs: str | Iterable[str], entries: Iterable[str], layout: TensorPacking = MERGED
) -> Iterator[Rule]:
    """Yield the rules of one module, ``entries`` being its parameters and buffers."""
    modules = (theirs,) if isinstance(theirs, str) else tuple(theirs)
    for entry in entries:
        yield Rule(f'{ours}.{entry}', tuple(f'{m}.{entry}' for m in modules), layout)


def conv(ours: str, theirs: str | Iterable[str], layout: TensorPacking = MERGED) -> Iterator[Rule]:
    """Yield the rules of a convolution or linear layer."""
    return rules(ours, theirs, CONV_ENTRIES, layout)


def norm(ours: str, theirs: str | Iterable[str]) -> Iterator[Rule]:
    """Yield the rules of a batch normalisation."""
    return rules(ours, theirs, NORM_ENTRIES)


def to_ours(state: State, table: Iterable[Rule]) -> dict[str, Tensor]:
    """Convert a published state dictionary; a ValueError names entries missing or left over."""
    converted: dict[str, Tensor] = {}
    left = dict(state)
    for rule in table:
        parts = _take(left, rule.theirs)
        if parts:
            converted[rule.ours] = rule.layout.join(parts).clone()
    _refuse_rest(left)
    return converted


def to_theirs(state: State, table: Iterable[Rule]) -> dict[str, Tensor]:
    """Convert one of our state dictionaries; inverse of :func:`to_ours`."""
    converted: dict[str, Tensor] = {}
    left = dict(state)
    for rule in table:
        for merged in _take(left, (rule.ours,)):
            parts = rule.layout.split(merged, len(rule.theirs))
            converted.update(
                (key, part.clone()) for key, part in zip(rule.theirs, parts, strict=True)
            )
    _refuse_rest(left)
    return converted


def count_indices(state: State, pattern: str) -> int:
    """Count the different indices that a pattern finds in the keys."""
    return len({match[1] for match in map(re.compile(pattern).match, state) if match})


def _take(state: dict[str, Tensor], keys: tuple[str, ...]) -> list[Tensor]:
    """Remove and return the tensors of a rule: all of them, or none."""
    missing = [key for key in keys if key not in state]
    if len(missing) == len(keys):
        return []
    if missing:
        raise ValueError(f'the checkpoint lacks {missing[0]!r}, which belongs to {keys[0]!r}')
    return [state.pop(key) for key in keys]


def _refuse_rest(state: dict[str, Tensor]) -> None:
    if state:
        count = counted(len(state), 'entry does', 'entries do')
        raise ValueError(f'{count} not fit, the first: {list(state)[:5]}')


def residual_rules(ours: str, theirs: str) -> Iterator[Rule]:
    """Yield the rules of a :class:`TemporalConv`."""
    yield from conv(f'{ours}.conv', f'{theirs}.conv')
    yield from norm(f'{ours}.bn', f'{theirs}.bn')


def shortcut_rules(ours: str, theirs: str) -> Iterator[Rule]:
    """Yield the rules of a graph convolution's normalisation and shortcut."""
    yield from norm(f'{ours}.bn', f'{theirs}.bn')
    yield from conv(f'{ours}.down.0', f'{theirs}.down.0')
    yield from norm(f'{ours}.down.1', f'{theirs}.down.1')


def multi_scale_rules(
    ours: str, theirs: str, *, bias: str = 'conv.bias', bias_layout: TensorPacking = MERGED
) -> Iterator[Rule]:
    """Yield the rules of a :class:`MultiScaleTemporalConv`, given their name of a branch's bias."""
    dilated = [f'{theirs}.branches.{index}' for index in (0, 1)]
    pooled, plain = (f'{theirs}.branches.{len(dilated) + i}' for i in (0, 1))
    yield from conv(f'{ours}.reduce', [f'{branch}.0' for branch in (*dilated, pooled)])
    yield from norm(f'{ours}.reduce_bn', [f'{branch}.1' for branch in (*dilated, pooled)])
    for index, branch in enumerate(dilated):
        yield Rule(f'{ours}.convs.{index}.weight', (f'{branch}.3.conv.weight',), MERGED)
        yield Rule(f'{ours}.convs.{index}.bias', (f'{branch}.3.{bias}',), bias_layout)
    yield from conv(f'{ours}.shortcut', f'{plain}.0')
    closing = [*(f'{branch}.3.bn' for branch in dilated), f'{pooled}.4', f'{plain}.1']
    yield from norm(f'{ours}.bn', closing)


def summed_rules(ours: str, theirs: str, branches: int) -> Iterator[Rule]:
    """Yield the rules of a :class:`SubsetConv`, in theirs a list of convolutions."""
    parts = [f'{theirs}.{index}' for index in range(branches)]
    yield Rule(f'{ours}.weight', tuple(f'{part}.weight' for part in parts), INTERLEAVED_INPUTS)
    yield Rule(f'{ours}.biases', tuple(f'{part}.bias' for part in parts), STACKED)
