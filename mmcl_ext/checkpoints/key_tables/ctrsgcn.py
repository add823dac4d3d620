"""Keys of the CTR-GCN authors' checkpoints of their baseline."""

from collections.abc import Iterator

from torch import Tensor

from mmcl_ext.checkpoints.key_tables.common_rules import (
    count_indices,
    network_rules,
    residual_rules,
    shortcut_rules,
    summed_rules,
)
from mmcl_ext.checkpoints.key_tables.key_table import (
    TRANSPOSED,
    Rule,
    State,
    to_ours,
    to_theirs,
)


def convert_ctrsgcn_state_dict(state: State) -> dict[str, Tensor]:
    """Convert the authors' checkpoint of the baseline into a recognizer's with CTRSGCN.

    Raises:
        ValueError: If an entry is missing or unknown.
    """
    subsets = count_indices(state, r'l1\.gcn1\.conv_d\.(\d+)')
    return to_ours(state, _table(count_indices(state, r'l(\d+)\.'), subsets))


def restore_ctrsgcn_state_dict(state: State) -> dict[str, Tensor]:
    """Convert a recognizer's state with CTRSGCN and GCNHead into the authors' layout.

    Raises:
        ValueError: If an entry is unknown.
    """
    subsets = len(state['backbone.blocks.0.gcn.A'])
    return to_theirs(state, _table(count_indices(state, r'backbone\.blocks\.(\d+)\.'), subsets))


def _table(blocks: int, subsets: int) -> Iterator[Rule]:
    yield from network_rules()
    for index in range(blocks):
        ours, theirs = f'backbone.blocks.{index}', f'l{index + 1}'
        yield Rule(f'{ours}.gcn.A', (f'{theirs}.gcn1.PA',), TRANSPOSED)
        yield from summed_rules(f'{ours}.gcn.conv', f'{theirs}.gcn1.conv_d', subsets)
        yield from shortcut_rules(f'{ours}.gcn', f'{theirs}.gcn1')
        yield from residual_rules(f'{ours}.tcn', f'{theirs}.tcn1')
        yield from residual_rules(f'{ours}.residual', f'{theirs}.residual')
