"""Keys of the InfoGCN authors' checkpoints."""

from collections.abc import Iterator

from torch import Tensor

from mmcl_ext.checkpoints.key_tables.common_rules import (
    count_indices,
    multi_scale_rules,
    residual_rules,
    shortcut_rules,
    summed_rules,
)
from mmcl_ext.checkpoints.key_tables.key_table import (
    SAME,
    Rule,
    State,
    conv,
    norm,
    to_ours,
    to_theirs,
)


def convert_infogcn_state_dict(state: State) -> dict[str, Tensor]:
    """Convert the authors' checkpoint into a recognizer's with InfoGCN and InfoGCNHead.

    The modality k and the prior of the codes are in no checkpoint.

    Raises:
        ValueError: If an entry is missing or unknown.
    """
    heads = count_indices(state, r'l1\.agcn\.conv_d\.(\d+)')
    return to_ours(state, _table(count_indices(state, r'l(\d+)\.'), heads))


def restore_infogcn_state_dict(state: State) -> dict[str, Tensor]:
    """Convert a recognizer's state with InfoGCN and InfoGCNHead into the authors' layout.

    Raises:
        ValueError: If an entry is unknown.
    """
    heads = len(state['backbone.blocks.0.gcn.A'])
    return to_theirs(state, _table(count_indices(state, r'backbone\.blocks\.(\d+)\.'), heads))


def _table(blocks: int, heads: int) -> Iterator[Rule]:
    yield Rule('backbone.position', ('pos_embedding',), SAME)
    yield from conv('backbone.joint_embedding', 'to_joint_embedding')
    yield from norm('backbone.data_bn', 'data_bn')
    for layer in ('fc', 'fc_mu', 'fc_logvar', 'decoder'):
        yield from conv(f'cls_head.{layer}', layer)
    for index in range(blocks):
        ours, theirs = f'backbone.blocks.{index}', f'l{index + 1}'
        yield from _attention_rules(f'{ours}.gcn', f'{theirs}.agcn', heads)
        yield from multi_scale_rules(f'{ours}.tcn', f'{theirs}.tcn')
        yield from residual_rules(f'{ours}.residual', f'{theirs}.residual')


def _attention_rules(ours: str, theirs: str, heads: int) -> Iterator[Rule]:
    yield Rule(f'{ours}.A', (f'{theirs}.shared_topology',), SAME)
    yield from conv(f'{ours}.to_qk', f'{theirs}.attn.to_qk')
    yield from conv(f'{ours}.norm', f'{theirs}.attn.ln')
    yield from summed_rules(f'{ours}.conv', f'{theirs}.conv_d', heads)
    yield from shortcut_rules(ours, theirs)
