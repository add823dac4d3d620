"""Keys of the CTR-GCN authors' checkpoints."""

import re
from collections.abc import Iterable, Iterator

from torch import Tensor

from mmcl_ext.models.checkpoint_keys.key_table import (
    INTERLEAVED,
    MERGED,
    MERGED_1D,
    SAME,
    Rule,
    State,
    conv,
    norm,
    to_ours,
    to_theirs,
)


def from_ctrgcn(state: State) -> dict[str, Tensor]:
    """Convert the authors' checkpoint of CTR-GCN into a recognizer's.

    Raises:
        ValueError: If an entry is missing or unknown.
    """
    return to_ours(state, _table(_count(state, r'l(\d+)\.'), _count(state, r'l1\..*convs\.(\d+)')))


def to_ctrgcn(state: State) -> dict[str, Tensor]:
    """Convert a recognizer's state with CTRGCN and GCNHead into the authors' layout.

    Raises:
        ValueError: If an entry is unknown.
    """
    subsets = state['backbone.blocks.0.gcn.A'].shape[0]
    return to_theirs(state, _table(_count(state, r'backbone\.blocks\.(\d+)\.'), subsets))


def _count(state: State, pattern: str) -> int:
    """Count the different indices that a pattern finds in the keys."""
    return len({match[1] for match in map(re.compile(pattern).match, state) if match})


def _table(blocks: int, subsets: int) -> Iterator[Rule]:
    yield from network_rules()
    for index in range(blocks):
        ours, theirs = f'backbone.blocks.{index}', f'l{index + 1}'
        yield from _ctr_rules(f'{ours}.gcn', f'{theirs}.gcn1', subsets)
        yield from multi_scale_rules(f'{ours}.tcn', f'{theirs}.tcn1')
        yield from residual_rules(f'{ours}.residual', f'{theirs}.residual')


def network_rules() -> Iterator[Rule]:
    """Yield what surrounds the blocks: input normalisation and classifier."""
    yield from norm('backbone.data_bn', 'data_bn')
    yield from conv('cls_head.fc', 'fc')


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
    ours: str, theirs: str, *, bias: str = 'conv.bias', dilations: Iterable[int] = (0, 1)
) -> Iterator[Rule]:
    """Yield the rules of a :class:`MultiScaleTemporalConv`.

    Args:
        ours: Our module.
        theirs: Published module.
        bias: Name of the bias of a dilated convolution in its published module.
        dilations: Indices of the dilated branches.
    """
    dilated = [f'{theirs}.branches.{index}' for index in dilations]
    pooled, plain = (f'{theirs}.branches.{len(dilated) + i}' for i in (0, 1))
    yield from conv(f'{ours}.reduce', [f'{branch}.0' for branch in (*dilated, pooled)])
    yield from norm(f'{ours}.reduce_bn', [f'{branch}.1' for branch in (*dilated, pooled)])
    for index, branch in enumerate(dilated):
        yield Rule(f'{ours}.convs.{index}.weight', (f'{branch}.3.conv.weight',), MERGED)
        yield Rule(f'{ours}.convs.{index}.bias', (f'{branch}.3.{bias}',), MERGED)
    yield from conv(f'{ours}.shortcut', f'{plain}.0')
    closing = [*(f'{branch}.3.bn' for branch in dilated), f'{pooled}.4', f'{plain}.1']
    yield from norm(f'{ours}.bn', closing)


def _ctr_rules(ours: str, theirs: str, subsets: int) -> Iterator[Rule]:
    units = [f'{theirs}.convs.{k}' for k in range(subsets)]
    relation = [f'{unit}.conv{side}' for side in (1, 2) for unit in units]
    yield Rule(f'{ours}.A', (f'{theirs}.PA',), SAME)
    yield Rule(f'{ours}.alpha', (f'{theirs}.alpha',), SAME)
    yield from conv(f'{ours}.relation', relation, MERGED_1D)
    yield from conv(f'{ours}.value', [f'{unit}.conv3' for unit in units], INTERLEAVED)
    yield from conv(f'{ours}.refine', [f'{unit}.conv4' for unit in units])
    yield from shortcut_rules(ours, theirs)
