from collections.abc import Iterator
from types import MappingProxyType

from mmcl_ext.checkpoints.families import key_table as keys
from mmcl_ext.checkpoints.families.family import AuthorsFamily
from mmcl_ext.checkpoints.families.key_table import Rule


class CTRGCNFamily(AuthorsFamily):
    """CTR-GCN of its authors; also the network in checkpoints of MMCL-Action."""

    name = 'CTR-GCN'
    signature = 'l1.gcn1.convs.0.conv4.weight'
    backbone = 'CTRGCN'
    traits = MappingProxyType({'relu_after_concat': False})
    first_layer = 'l1.gcn1.convs.0.conv3.weight'
    train_only: tuple[str, ...] = ('mlp.', 'PosMatrix', 'NegMatrix', 'inception_v3.', 'FAM_Aligh.')

    def block_rules(self, ours: str, theirs: str, *sizes: int) -> Iterator[Rule]:  # noqa: D102
        units = [f'{theirs}.gcn1.convs.{k}' for k in range(sizes[0])]
        relation = [f'{unit}.conv{side}' for side in (1, 2) for unit in units]
        yield Rule(f'{ours}.gcn.A', (f'{theirs}.gcn1.PA',), keys.SAME)
        yield Rule(f'{ours}.gcn.alpha', (f'{theirs}.gcn1.alpha',), keys.SAME)
        yield from keys.conv(f'{ours}.gcn.relation', relation, keys.MERGED_1D)
        yield from keys.conv(
            f'{ours}.gcn.value', [f'{unit}.conv3' for unit in units], keys.INTERLEAVED
        )
        yield from keys.conv(f'{ours}.gcn.refine', [f'{unit}.conv4' for unit in units])
        yield from keys.shortcut_rules(f'{ours}.gcn', f'{theirs}.gcn1')
        yield from keys.multi_scale_rules(f'{ours}.tcn', f'{theirs}.tcn1')


class CTRSGCNFamily(AuthorsFamily):
    """The baseline in the code of CTR-GCN's authors."""

    name = 'CTRS-GCN'
    signature = first_layer = 'l1.gcn1.conv_d.0.weight'
    backbone = 'CTRSGCN'

    def block_rules(self, ours: str, theirs: str, *sizes: int) -> Iterator[Rule]:  # noqa: D102
        yield Rule(f'{ours}.gcn.A', (f'{theirs}.gcn1.PA',), keys.TRANSPOSED)
        yield from keys.summed_rules(f'{ours}.gcn.conv', f'{theirs}.gcn1.conv_d', *sizes)
        yield from keys.shortcut_rules(f'{ours}.gcn', f'{theirs}.gcn1')
        yield from keys.residual_rules(f'{ours}.tcn', f'{theirs}.tcn1')
