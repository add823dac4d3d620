"""Keys of the CTR-GCN authors' checkpoints."""

from collections.abc import Iterator, Sequence
from types import MappingProxyType

from mmcl_ext.checkpoints.families.family import AuthorsFamily, Options, Settings
from mmcl_ext.checkpoints.families.key_table import (
    INTERLEAVED,
    MERGED_1D,
    SAME,
    TRANSPOSED,
    Rule,
    State,
    conv,
    multi_scale_rules,
    network_rules,
    residual_rules,
    shortcut_rules,
    summed_rules,
)


class CTRGCNFamily(AuthorsFamily):
    """CTR-GCN of its authors; also the network in checkpoints of MMCL-Action."""

    name = 'CTR-GCN'
    signature = 'l1.gcn1.convs.0.conv4.weight'
    backbone = 'CTRGCN'
    traits = MappingProxyType({'relu_after_concat': False})

    def configure(self, state: State, options: Options) -> Settings:  # noqa: D102
        return self.plain_settings(state, 'l1.gcn1.convs.0.conv3.weight')

    def table(self, blocks: int, sizes: Sequence[int]) -> Iterator[Rule]:  # noqa: D102
        yield from network_rules()
        for index in range(blocks):
            ours, theirs = f'backbone.blocks.{index}', f'l{index + 1}'
            yield from _ctr_rules(f'{ours}.gcn', f'{theirs}.gcn1', *sizes)
            yield from multi_scale_rules(f'{ours}.tcn', f'{theirs}.tcn1')
            yield from residual_rules(f'{ours}.residual', f'{theirs}.residual')


def _ctr_rules(ours: str, theirs: str, subsets: int) -> Iterator[Rule]:
    units = [f'{theirs}.convs.{k}' for k in range(subsets)]
    relation = [f'{unit}.conv{side}' for side in (1, 2) for unit in units]
    yield Rule(f'{ours}.A', (f'{theirs}.PA',), SAME)
    yield Rule(f'{ours}.alpha', (f'{theirs}.alpha',), SAME)
    yield from conv(f'{ours}.relation', relation, MERGED_1D)
    yield from conv(f'{ours}.value', [f'{unit}.conv3' for unit in units], INTERLEAVED)
    yield from conv(f'{ours}.refine', [f'{unit}.conv4' for unit in units])
    yield from shortcut_rules(ours, theirs)


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
