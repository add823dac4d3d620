"""Keys of the CTR-GCN authors' checkpoints of their baseline."""

from collections.abc import Iterator, Sequence

from mmcl_ext.checkpoints.families.authors_family import AuthorsFamily
from mmcl_ext.checkpoints.families.common_rules import (
    network_rules,
    residual_rules,
    shortcut_rules,
    summed_rules,
)
from mmcl_ext.checkpoints.families.family import Options, Settings
from mmcl_ext.checkpoints.families.key_table import TRANSPOSED, Rule, State


class CTRSGCNFamily(AuthorsFamily):
    """The baseline in the code of CTR-GCN's authors."""

    name = 'CTRS-GCN'
    signature = 'l1.gcn1.conv_d.0.weight'
    backbone = 'CTRSGCN'

    def configure(self, state: State, options: Options) -> Settings:  # noqa: D102
        return self.plain_settings(state, 'l1.gcn1.conv_d.0.weight')

    def table(self, blocks: int, sizes: Sequence[int]) -> Iterator[Rule]:  # noqa: D102
        yield from network_rules()
        for index in range(blocks):
            ours, theirs = f'backbone.blocks.{index}', f'l{index + 1}'
            yield Rule(f'{ours}.gcn.A', (f'{theirs}.gcn1.PA',), TRANSPOSED)
            yield from summed_rules(f'{ours}.gcn.conv', f'{theirs}.gcn1.conv_d', *sizes)
            yield from shortcut_rules(f'{ours}.gcn', f'{theirs}.gcn1')
            yield from residual_rules(f'{ours}.tcn', f'{theirs}.tcn1')
            yield from residual_rules(f'{ours}.residual', f'{theirs}.residual')
