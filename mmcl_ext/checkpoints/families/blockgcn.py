from collections.abc import Iterator, Sequence
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


class BlockGCNFamily(EmbeddedFamily):
    """BlockGCN of its authors, with its topology or without."""

    name = 'BlockGCN'
    signature = adjacency = 'l1.gcn1.fc1'
    backbone = 'BlockGCN'
    usual = MappingProxyType(dict(base_channels=128, inflate_stages=(5,)))

    def configure(self, state: State, options: Options) -> Settings:  # noqa: D102
        _, heads, joints, _ = take_entry(state, self.adjacency).shape
        found = dict(topology='t0.mlp.weight' in state, heads=heads)
        graph = dict(type='SkeletonGraph', layout=layout_of(joints), mode='spatial')
        found = without_defaults(found, topology=True, heads=8)
        note = (
            'The released code lets a clip depend on the rest of its batch. Here it does not, so '
            'logits differ.'
        )
        return Settings(self.read_settings(state, graph, **found), (note,))

    def table(self, blocks: int, sizes: Sequence[int]) -> Iterator[Rule]:  # noqa: D102
        yield from super().table(blocks, sizes)
        yield from keys.rules('backbone.topology', 'topo.pl', ('centres', 'sharpness'), keys.SAME)
        for index in range(blocks):
            ours = f'backbone.topology_layers.{index}'
            yield from keys.conv(f'{ours}.0', f't{index}.mlp')
            yield from keys.norm(f'{ours}.1', f't{index}.bn')

    def block_rules(self, ours: str, theirs: str, *sizes: int) -> Iterator[Rule]:  # noqa: D102
        yield Rule(f'{ours}.gcn.A', (f'{theirs}.gcn1.fc1',), keys.TRANSPOSED)
        yield Rule(f'{ours}.gcn.distance', (f'{theirs}.gcn1.rpe',), keys.SAME)
        yield from keys.summed_rules(f'{ours}.gcn.conv', f'{theirs}.gcn1.fc2', sizes[0])
        yield from keys.shortcut_rules(f'{ours}.gcn', f'{theirs}.gcn1')
        yield from keys.multi_scale_rules(f'{ours}.tcn', f'{theirs}.tcn1')
