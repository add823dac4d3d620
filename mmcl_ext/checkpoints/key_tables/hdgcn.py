"""Keys of the HD-GCN authors' checkpoints."""

import re
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
    SAME,
    Rule,
    State,
    conv,
    norm,
    reshaped,
    to_ours,
    to_theirs,
)

# Theirs is a parameter of its own, (1, C, 1, 1), beside a convolution without bias.
_FLAT_BIAS = reshaped(SAME, lambda x: x.flatten(), lambda x: x.view(1, -1, 1, 1))
_ALIAS = re.compile(r'l\d+\.gcn1\.conv_d\.')


def convert_hdgcn_state_dict(state: State) -> dict[str, Tensor]:
    """Convert the authors' checkpoint into a recognizer's with HDGCN and GCNHead.

    The centre of mass is in no checkpoint. Theirs stores the convolutions of the last
    level twice; the second copy (``conv_d``) is left out.

    Raises:
        ValueError: If an entry is missing or unknown.
    """
    levels, subsets = state['l1.gcn1.PA'].shape[:2]
    entries = {key: value for key, value in state.items() if not _ALIAS.match(key)}
    return to_ours(entries, _table(count_indices(state, r'l(\d+)\.'), levels, subsets))


def restore_hdgcn_state_dict(state: State) -> dict[str, Tensor]:
    """Convert a recognizer's state with HDGCN and GCNHead into the authors' layout.

    Raises:
        ValueError: If an entry is unknown.
    """
    levels, subsets = state['backbone.blocks.0.gcn.A'].shape[:2]
    blocks = count_indices(state, r'backbone\.blocks\.(\d+)\.')
    entries = to_theirs(state, _table(blocks, levels, subsets))
    last = f'.gcn1.conv.{levels - 1}.'
    aliases = {key.replace(last, '.gcn1.conv_d.'): entries[key] for key in entries if last in key}
    return entries | aliases


def _table(blocks: int, levels: int, subsets: int) -> Iterator[Rule]:
    yield from network_rules()
    for index in range(blocks):
        ours, theirs = f'backbone.blocks.{index}', f'l{index + 1}'
        yield from _hierarchy_rules(f'{ours}.gcn', f'{theirs}.gcn1', levels, subsets)
        yield from _aggregation_rules(f'{ours}.gcn.aggregation', f'{theirs}.gcn1.aha')
        yield from multi_scale_rules(
            f'{ours}.tcn', f'{theirs}.tcn1', bias='bias', bias_layout=_FLAT_BIAS
        )
        yield from residual_rules(f'{ours}.residual', f'{theirs}.residual')


def _hierarchy_rules(ours: str, theirs: str, levels: int, subsets: int) -> Iterator[Rule]:
    down = [f'{theirs}.conv_down.{level}' for level in range(levels)]
    parts = [f'{theirs}.conv.{level}.{k}' for level in range(levels) for k in range(subsets)]
    edges = [f'{theirs}.conv.{level}.{subsets}.conv' for level in range(levels)]
    yield Rule(f'{ours}.A', (f'{theirs}.PA',), SAME)
    yield from conv(f'{ours}.conv_down', [f'{unit}.0' for unit in down])
    yield from norm(f'{ours}.bn_down', [f'{unit}.1' for unit in down])
    yield from conv(f'{ours}.conv', [f'{unit}.0' for unit in parts])
    yield from norm(f'{ours}.conv_bn', [f'{unit}.1' for unit in parts])
    yield from conv(f'{ours}.edge_conv.conv', [f'{unit}.0' for unit in edges])
    yield from norm(f'{ours}.edge_conv.bn', [f'{unit}.1' for unit in edges])
    yield from shortcut_rules(ours, theirs)


def _aggregation_rules(ours: str, theirs: str) -> Iterator[Rule]:
    yield from conv(f'{ours}.conv_down.0', f'{theirs}.conv_down.0')
    yield from norm(f'{ours}.conv_down.1', f'{theirs}.conv_down.1')
    yield from conv(f'{ours}.edge_conv.conv', f'{theirs}.edge_conv.conv.0')
    yield from norm(f'{ours}.edge_conv.bn', f'{theirs}.edge_conv.conv.1')
    yield from conv(f'{ours}.aggregate', f'{theirs}.aggregate')
