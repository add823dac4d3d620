from collections.abc import Iterator
from types import MappingProxyType

from mmcl_ext.checkpoints.families import key_table as keys
from mmcl_ext.checkpoints.families.family import (
    EmbeddedFamily,
    Options,
    Settings,
    layout_of,
    take_entry,
    without_defaults,
)
from mmcl_ext.checkpoints.families.key_table import Rule, State


class HyperGCNFamily(EmbeddedFamily):
    """Hyper-GCN of its authors, base or large."""

    name = 'Hyper-GCN'
    signature = 'l1.gcn1.hyper_joint'
    backbone = 'HyperGCN'
    usual = MappingProxyType(
        dict(base_channels=128, num_stages=9, inflate_stages=(4,), down_stages=(4, 7))
    )

    def configure(self, state: State, options: Options) -> Settings:  # noqa: D102
        virtual, heads = len(take_entry(state, self.signature)), len(state[self.adjacency])
        joints = take_entry(state, self.adjacency).shape[-1] - virtual
        found = without_defaults(
            dict(virtual_joints=virtual, heads=heads), virtual_joints=3, heads=8
        )
        graph = dict(type='SkeletonGraph', layout=layout_of(joints), mode='spatial')
        return Settings(self.read_settings(state, graph, **found))

    def block_rules(self, ours: str, theirs: str, *sizes: int) -> Iterator[Rule]:  # noqa: D102
        gcn, unit = f'{ours}.gcn', f'{theirs}.gcn1'
        yield Rule(f'{gcn}.A', (f'{unit}.PA',), keys.SAME)
        yield Rule(f'{gcn}.importance', (f'{unit}.edge_importance',), keys.SAME)
        yield Rule(f'{gcn}.alpha', (f'{unit}.alpha',), keys.SAME)
        yield Rule(f'{gcn}.virtual_joints', (f'{unit}.hyper_joint',), keys.SAME)
        yield from keys.conv(f'{gcn}.relation', f'{unit}.to_V')
        yield from keys.conv(f'{gcn}.weigh', f'{unit}.to_W.0')
        yield from keys.conv(f'{gcn}.weigh_heads', f'{unit}.to_W.2')
        yield from keys.conv(f'{gcn}.value', f'{unit}.conv_d')
        yield from keys.shortcut_rules(gcn, unit)
        yield from keys.multi_scale_rules(f'{ours}.tcn', f'{theirs}.tcn1')
