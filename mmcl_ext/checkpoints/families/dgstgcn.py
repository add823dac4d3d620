import re
from collections.abc import Iterator

from torch import Tensor

from mmcl_ext.checkpoints.families import key_table as keys
from mmcl_ext.checkpoints.families.family import (
    Options,
    Settings,
    layout_of,
    recognizer,
    stages,
    take_entry,
    without_defaults,
)
from mmcl_ext.checkpoints.families.key_table import Rule, State, TensorPacking
from mmcl_ext.checkpoints.families.mmaction import MMActionFamily
from mmcl_ext.models.layers.dynamic_temporal_conv import DynamicTemporalConv


class DGSTGCNFamily(MMActionFamily):
    """DG-STGCN of PYSKL; also the network that ProtoGCN and ACLNet deploy."""

    name = 'DG-STGCN of PYSKL, ProtoGCN or ACLNet'
    signature = 'backbone.gcn.0.gcn.post.weight'
    backbone = 'DGSTGCN'
    train_only = (
        *('backbone.post.', 'backbone.bn.', 'backbone.prn.', 'cls_head.csc_loss.'),  # ProtoGCN
        *('cls_head.inter_loss.', 'cls_head.intra_loss.'),  # ACLNet
    )
    branch = 'contrastive learning'

    def configure(self, state: State, options: Options) -> Settings:  # noqa: D102
        unit = 'backbone.gcn.0.gcn'
        subsets, joints, _ = take_entry(state, f'{unit}.A').shape
        channels = take_entry(state, f'{unit}.conv1.weight').shape[1]
        slots = len(take_entry(state, 'backbone.data_bn.weight'))
        if slots != joints * channels:
            raise ValueError(
                f'backbone.data_bn.weight has {slots} entries in place of one for each of '
                f'{joints} joints with {channels} coordinates: only data_bn_type="VC" is known'
            )
        # Which graph the training began with does not matter: the adjacencies are trained.
        graph = dict(type='SkeletonGraph', layout=layout_of(joints), mode='random')
        graph |= without_defaults(dict(num_filter=subsets), num_filter=8)
        backbone = dict(type='DGSTGCN', graph_cfg=graph)
        backbone |= without_defaults(dict(in_channels=channels), in_channels=3)
        backbone |= stages(state, 'backbone.gcn.{}.gcn.bn.weight', first=0)
        return Settings(recognizer(backbone, take_entry(state, 'cls_head.fc.weight')))

    def to_ours(self, state: State) -> dict[str, Tensor]:  # noqa: D102
        state = self.clean(state)
        return keys.to_ours(state, _table(_widths(state, 'backbone.gcn')))

    def to_theirs(self, state: State) -> dict[str, Tensor]:
        """Convert back, to the names of PYSKL."""
        published = keys.to_theirs(state, _table(_widths(state, 'backbone.blocks')))
        return {key.replace('cls_head.fc.', 'cls_head.fc_cls.'): x for key, x in published.items()}


def _widths(state: State, blocks: str) -> list[int]:
    count = keys.count_indices(state, rf'{re.escape(blocks)}\.(\d+)\.')
    return [len(take_entry(state, f'{blocks}.{index}.tcn.bn.weight')) for index in range(count)]


def _table(widths: list[int]) -> Iterator[Rule]:
    yield from keys.norm('backbone.data_bn', 'backbone.data_bn')
    yield from keys.conv('cls_head.fc', 'cls_head.fc')
    for index, width in enumerate(widths):
        ours, theirs = f'backbone.blocks.{index}', f'backbone.gcn.{index}'
        yield from _graph_rules(f'{ours}.gcn', f'{theirs}.gcn')
        yield from _temporal_rules(f'{ours}.tcn', f'{theirs}.tcn', width)
        yield from keys.residual_rules(f'{ours}.residual', f'{theirs}.residual')


def _graph_rules(ours: str, theirs: str) -> Iterator[Rule]:
    yield Rule(f'{ours}.A', (f'{theirs}.A',), keys.TRANSPOSED)
    yield Rule(f'{ours}.alpha', (f'{theirs}.alpha',), keys.SAME)
    yield Rule(f'{ours}.beta', (f'{theirs}.beta',), keys.SAME)
    relation = [f'{theirs}.conv{side}' for side in (1, 2)]
    yield from keys.conv(f'{ours}.relation', relation, keys.MERGED_1D)
    yield from keys.conv(f'{ours}.value', f'{theirs}.pre.0')
    yield from keys.norm(f'{ours}.value_bn', f'{theirs}.pre.1')
    yield from keys.conv(f'{ours}.project', f'{theirs}.post')
    yield from keys.shortcut_rules(ours, theirs)


def _temporal_rules(ours: str, theirs: str, width: int) -> Iterator[Rule]:
    branches = [f'{theirs}.branches.{index}' for index in range(5)]
    *shares, _ = DynamicTemporalConv.share(width, 6)
    layout = TensorPacking(
        keys.MERGED.join, lambda x, count: list(x.split(shares)) if x.ndim else [x] * count
    )
    yield Rule(f'{ours}.fusion', (f'{theirs}.add_coeff',), keys.SAME)
    yield from keys.conv(f'{ours}.reduce', [f'{branch}.0' for branch in branches], layout)
    reduced = [f'{branch}.1' for branch in branches]
    yield from keys.rules(f'{ours}.reduce_bn', reduced, keys.NORM_ENTRIES, layout)
    for index, branch in enumerate(branches[:4]):
        yield from keys.conv(f'{ours}.convs.{index}', f'{branch}.3.conv')
    yield from keys.conv(f'{ours}.shortcut', f'{theirs}.branches.5')
    yield from keys.norm(f'{ours}.bn', f'{theirs}.transform.0')
    yield from keys.conv(f'{ours}.project', f'{theirs}.transform.2')
    yield from keys.norm(f'{ours}.project_bn', f'{theirs}.bn')
