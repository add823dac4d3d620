from collections.abc import Iterator
from types import MappingProxyType

from mmcl_ext.checkpoints.families import key_table as keys
from mmcl_ext.checkpoints.families.family import (
    EmbeddedFamily,
    Options,
    Settings,
    spatial_graph,
    take_entry,
)
from mmcl_ext.checkpoints.families.key_table import Rule, State


class InfoGCNFamily(EmbeddedFamily):
    """InfoGCN of its authors. The order k and the prior of the codes are in no checkpoint."""

    name = 'InfoGCN'
    signature = adjacency = 'l1.agcn.shared_topology'
    backbone = 'InfoGCN'
    options = ('k',)
    widths = 'l{}.agcn.bn.weight'
    usual = MappingProxyType(dict(num_stages=9, inflate_stages=(4, 7), down_stages=(4, 7)))
    classifier = 'decoder.weight'
    head = 'InfoGCNHead'

    def configure(self, state: State, options: Options) -> Settings:  # noqa: D102
        if options.k is None:
            raise ValueError(
                'the order k of its relative representation is in no checkpoint: give --k '
                '(1 for bones; 8 and more for plain NTU joints)'
            )
        graph = spatial_graph(take_entry(state, self.adjacency).shape[-1])
        note = 'The prior of its codes is in no checkpoint; training on draws another one.'
        return Settings(self.read_settings(state, graph, k=options.k), (note,))

    def network_rules(self) -> Iterator[Rule]:  # noqa: D102
        yield from super().network_rules()
        for layer in ('fc_mu', 'fc_logvar', 'decoder'):
            yield from keys.conv(f'cls_head.{layer}', layer)

    def block_rules(self, ours: str, theirs: str, *sizes: int) -> Iterator[Rule]:  # noqa: D102
        yield Rule(f'{ours}.gcn.A', (f'{theirs}.agcn.shared_topology',), keys.SAME)
        yield from keys.conv(f'{ours}.gcn.to_qk', f'{theirs}.agcn.attn.to_qk')
        yield from keys.conv(f'{ours}.gcn.norm', f'{theirs}.agcn.attn.ln')
        yield from keys.summed_rules(f'{ours}.gcn.conv', f'{theirs}.agcn.conv_d', *sizes)
        yield from keys.shortcut_rules(f'{ours}.gcn', f'{theirs}.agcn')
        yield from keys.multi_scale_rules(f'{ours}.tcn', f'{theirs}.tcn')
