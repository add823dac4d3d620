from collections.abc import Iterator

from mmcl_ext.checkpoints.families import key_table as keys
from mmcl_ext.checkpoints.families.family import (
    AuthorsFamily,
    Options,
    Settings,
    input_shape,
    recognizer,
    spatial_graph,
    stages,
    take_entry,
    without_defaults,
)
from mmcl_ext.checkpoints.families.key_table import Rule, State


class InfoGCNFamily(AuthorsFamily):
    """InfoGCN of its authors. The order k and the prior of the codes are in no checkpoint."""

    name = 'InfoGCN'
    signature = adjacency = 'l1.agcn.shared_topology'
    backbone = 'InfoGCN'
    options = ('k',)

    def configure(self, state: State, options: Options) -> Settings:  # noqa: D102
        if options.k is None:
            raise ValueError(
                'the order k of its relative representation is in no checkpoint: give --k '
                '(1 for bones; 8 and more for plain NTU joints)'
            )
        joints = take_entry(state, self.adjacency).shape[-1]
        width, channels = take_entry(state, 'to_joint_embedding.weight').shape
        backbone = dict(type='InfoGCN', graph_cfg=spatial_graph(joints), k=options.k)
        persons = input_shape(state, joints, width).get('num_person', 2)
        found = dict(num_person=persons, in_channels=channels)
        backbone |= without_defaults(found, num_person=2, in_channels=3)
        backbone |= stages(state, 'l{}.agcn.bn.weight', down=(4, 7))
        model_cfg = recognizer(backbone, take_entry(state, 'decoder.weight'), 'InfoGCNHead')
        note = 'The prior of its codes is in no checkpoint; training on draws another one.'
        return Settings(model_cfg, (note,))

    def network_rules(self) -> Iterator[Rule]:  # noqa: D102
        yield Rule('backbone.position', ('pos_embedding',), keys.SAME)
        yield from keys.conv('backbone.joint_embedding', 'to_joint_embedding')
        yield from keys.norm('backbone.data_bn', 'data_bn')
        for layer in ('fc', 'fc_mu', 'fc_logvar', 'decoder'):
            yield from keys.conv(f'cls_head.{layer}', layer)

    def block_rules(self, ours: str, theirs: str, *sizes: int) -> Iterator[Rule]:  # noqa: D102
        yield Rule(f'{ours}.gcn.A', (f'{theirs}.agcn.shared_topology',), keys.SAME)
        yield from keys.conv(f'{ours}.gcn.to_qk', f'{theirs}.agcn.attn.to_qk')
        yield from keys.conv(f'{ours}.gcn.norm', f'{theirs}.agcn.attn.ln')
        yield from keys.summed_rules(f'{ours}.gcn.conv', f'{theirs}.agcn.conv_d', *sizes)
        yield from keys.shortcut_rules(f'{ours}.gcn', f'{theirs}.agcn')
        yield from keys.multi_scale_rules(f'{ours}.tcn', f'{theirs}.tcn')
