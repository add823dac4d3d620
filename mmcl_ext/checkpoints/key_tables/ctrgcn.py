"""Keys of the CTR-GCN authors' checkpoints."""

from collections.abc import Iterator

from torch import Tensor

from mmcl_ext.checkpoints.key_tables.common_rules import (
    count_indices,
    multi_scale_rules,
    network_rules,
    residual_rules,
    shortcut_rules,
)
from mmcl_ext.checkpoints.key_tables.key_table import (
    INTERLEAVED,
    MERGED_1D,
    SAME,
    Rule,
    State,
    conv,
    to_ours,
    to_theirs,
)


def convert_ctrgcn_state_dict(state: State) -> dict[str, Tensor]:
    """Convert the authors' checkpoint of CTR-GCN into a recognizer's.

    Raises:
        ValueError: If an entry is missing or unknown.
    """
    return to_ours(
        state,
        _table(count_indices(state, r'l(\d+)\.'), count_indices(state, r'l1\..*convs\.(\d+)')),
    )


def restore_ctrgcn_state_dict(state: State) -> dict[str, Tensor]:
    """Convert a recognizer's state with CTRGCN and GCNHead into the authors' layout.

    Raises:
        ValueError: If an entry is unknown.
    """
    subsets = state['backbone.blocks.0.gcn.A'].shape[0]
    return to_theirs(state, _table(count_indices(state, r'backbone\.blocks\.(\d+)\.'), subsets))


def _table(blocks: int, subsets: int) -> Iterator[Rule]:
    yield from network_rules()
    for index in range(blocks):
        ours, theirs = f'backbone.blocks.{index}', f'l{index + 1}'
        yield from _ctr_rules(f'{ours}.gcn', f'{theirs}.gcn1', subsets)
        yield from multi_scale_rules(f'{ours}.tcn', f'{theirs}.tcn1')
        yield from residual_rules(f'{ours}.residual', f'{theirs}.residual')


def _ctr_rules(ours: str, theirs: str, subsets: int) -> Iterator[Rule]:
    units = [f'{theirs}.convs.{k}' for k in range(subsets)]
    relation = [f'{unit}.conv{side}' for side in (1, 2) for unit in units]
    yield Rule(f'{ours}.A', (f'{theirs}.PA',), SAME)
    yield Rule(f'{ours}.alpha', (f'{theirs}.alpha',), SAME)
    yield from conv(f'{ours}.relation', relation, MERGED_1D)
    yield from conv(f'{ours}.value', [f'{unit}.conv3' for unit in units], INTERLEAVED)
    yield from conv(f'{ours}.refine', [f'{unit}.conv4' for unit in units])
    yield from shortcut_rules(ours, theirs)
