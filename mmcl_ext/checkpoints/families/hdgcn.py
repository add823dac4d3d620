from collections.abc import Iterator

from torch import Tensor

from mmcl_ext.checkpoints.families import key_table as keys
from mmcl_ext.checkpoints.families.family import (
    AuthorsFamily,
    Options,
    Settings,
    layout_of,
    take_entry,
)
from mmcl_ext.checkpoints.families.key_table import Rule, State
from mmcl_ext.graphs import get_layout

# Theirs is a parameter of its own, (1, C, 1, 1), beside a convolution without bias.
_FLAT_BIAS = keys.reshaped(keys.SAME, lambda x: x.flatten(), lambda x: x.view(1, -1, 1, 1))
_ALIAS = '.gcn1.conv_d.'


class HDGCNFamily(AuthorsFamily):
    """HD-GCN of its authors. The centre of mass is in no checkpoint."""

    name = 'HD-GCN'
    signature = first_layer = 'l1.gcn1.conv_down.0.0.weight'
    backbone = 'HDGCN'
    options = ('center',)

    def configure(self, state: State, options: Options) -> Settings:  # noqa: D102
        layout = layout_of(take_entry(state, self.adjacency).shape[-1])
        if options.center is None:
            known = ', '.join(map(str, get_layout(layout).hd_groups)) or 'any joint'
            raise ValueError(
                f'the centre of mass of its graph is in no checkpoint: give --center ({known})'
            )
        graph = dict(type='HDGraph', layout=layout, center=options.center, flatten=None)
        note = 'A wrong --center goes unnoticed where both graphs have as many levels.'
        return Settings(self.read_settings(state, graph), (note,))

    def clean(self, state: State) -> dict[str, Tensor]:
        """Leave out the second copy of the convolutions of the last level."""
        return {key: value for key, value in state.items() if _ALIAS not in key}

    def to_ours(self, state: State) -> dict[str, Tensor]:  # noqa: D102
        return super().to_ours(self.clean(state))

    def to_theirs(self, state: State) -> dict[str, Tensor]:  # noqa: D102
        entries = super().to_theirs(state)
        last = f'.gcn1.conv.{len(state["backbone.blocks.0.gcn.A"]) - 1}.'
        aliases = {key.replace(last, _ALIAS): entries[key] for key in entries if last in key}
        return entries | aliases

    def block_rules(self, ours: str, theirs: str, *sizes: int) -> Iterator[Rule]:  # noqa: D102
        yield from _hierarchy_rules(f'{ours}.gcn', f'{theirs}.gcn1', *sizes)
        yield from _aggregation_rules(f'{ours}.gcn.aggregation', f'{theirs}.gcn1.aha')
        yield from keys.multi_scale_rules(
            f'{ours}.tcn', f'{theirs}.tcn1', bias='bias', bias_layout=_FLAT_BIAS
        )


def _hierarchy_rules(ours: str, theirs: str, levels: int, subsets: int) -> Iterator[Rule]:
    down = [f'{theirs}.conv_down.{level}' for level in range(levels)]
    parts = [f'{theirs}.conv.{level}.{k}' for level in range(levels) for k in range(subsets)]
    edges = [f'{theirs}.conv.{level}.{subsets}.conv' for level in range(levels)]
    yield Rule(f'{ours}.A', (f'{theirs}.PA',), keys.SAME)
    yield from keys.conv(f'{ours}.conv_down', [f'{unit}.0' for unit in down])
    yield from keys.norm(f'{ours}.bn_down', [f'{unit}.1' for unit in down])
    yield from keys.conv(f'{ours}.conv', [f'{unit}.0' for unit in parts])
    yield from keys.norm(f'{ours}.conv_bn', [f'{unit}.1' for unit in parts])
    yield from keys.conv(f'{ours}.edge_conv.conv', [f'{unit}.0' for unit in edges])
    yield from keys.norm(f'{ours}.edge_conv.bn', [f'{unit}.1' for unit in edges])
    yield from keys.shortcut_rules(ours, theirs)


def _aggregation_rules(ours: str, theirs: str) -> Iterator[Rule]:
    yield from keys.conv(f'{ours}.conv_down.0', f'{theirs}.conv_down.0')
    yield from keys.norm(f'{ours}.conv_down.1', f'{theirs}.conv_down.1')
    yield from keys.conv(f'{ours}.edge_conv.conv', f'{theirs}.edge_conv.conv.0')
    yield from keys.norm(f'{ours}.edge_conv.bn', f'{theirs}.edge_conv.conv.1')
    yield from keys.conv(f'{ours}.aggregate', f'{theirs}.aggregate')
