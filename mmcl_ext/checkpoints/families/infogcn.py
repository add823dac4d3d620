"""Keys of the InfoGCN authors' checkpoints."""

from collections.abc import Iterator, Sequence

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
from mmcl_ext.checkpoints.families.key_table import (
    SAME,
    Rule,
    State,
    conv,
    multi_scale_rules,
    norm,
    residual_rules,
    shortcut_rules,
    summed_rules,
)


class InfoGCNFamily(AuthorsFamily):
    """InfoGCN of its authors. The order k and the prior of the codes are in no checkpoint."""

    name = 'InfoGCN'
    signature = 'l1.agcn.shared_topology'
    backbone = 'InfoGCN'
    options = ('k',)
    adjacency = 'l1.agcn.shared_topology'

    def configure(self, state: State, options: Options) -> Settings:  # noqa: D102
        if options.k is None:
            raise ValueError(
                'the order k of its relative representation is in no checkpoint: give --k '
                '(1 for bones; 8 and more for plain NTU joints)'
            )
        joints = take_entry(state, 'l1.agcn.shared_topology').shape[-1]
        width, channels = take_entry(state, 'to_joint_embedding.weight').shape
        backbone = dict(type='InfoGCN', graph_cfg=spatial_graph(joints), k=options.k)
        persons = input_shape(state, joints, width).get('num_person', 2)
        found = dict(num_person=persons, in_channels=channels)
        backbone |= without_defaults(found, num_person=2, in_channels=3)
        first = len(take_entry(state, 'l1.agcn.bn.weight'))
        backbone |= stages(state, 'l{}.agcn.bn.weight', first, down=(4, 7))
        model_cfg = recognizer(backbone, take_entry(state, 'decoder.weight'), 'InfoGCNHead')
        note = 'The prior of its codes is in no checkpoint; training on draws another one.'
        return Settings(model_cfg, (note,))

    def table(self, blocks: int, sizes: Sequence[int]) -> Iterator[Rule]:  # noqa: D102
        yield Rule('backbone.position', ('pos_embedding',), SAME)
        yield from conv('backbone.joint_embedding', 'to_joint_embedding')
        yield from norm('backbone.data_bn', 'data_bn')
        for layer in ('fc', 'fc_mu', 'fc_logvar', 'decoder'):
            yield from conv(f'cls_head.{layer}', layer)
        for index in range(blocks):
            ours, theirs = f'backbone.blocks.{index}', f'l{index + 1}'
            yield from _attention_rules(f'{ours}.gcn', f'{theirs}.agcn', *sizes)
            yield from multi_scale_rules(f'{ours}.tcn', f'{theirs}.tcn')
            yield from residual_rules(f'{ours}.residual', f'{theirs}.residual')


def _attention_rules(ours: str, theirs: str, heads: int) -> Iterator[Rule]:
    yield Rule(f'{ours}.A', (f'{theirs}.shared_topology',), SAME)
    yield from conv(f'{ours}.to_qk', f'{theirs}.attn.to_qk')
    yield from conv(f'{ours}.norm', f'{theirs}.attn.ln')
    yield from summed_rules(f'{ours}.conv', f'{theirs}.conv_d', heads)
    yield from shortcut_rules(ours, theirs)
