"""ST-GCN and ST-GCN++ of MMAction2 and PYSKL."""

from mmcl_ext.checkpoints.families.family import (
    Config,
    Options,
    Settings,
    recognizer,
    stages,
    take_entry,
    without_defaults,
)
from mmcl_ext.checkpoints.families.key_table import State
from mmcl_ext.checkpoints.families.mmaction_family import MMActionFamily, match_graph, norm_settings

_ONE_SUBSET = (
    'With one subset nothing shows on which side of the aggregation the convolution stands: '
    "if the checkpoint was trained with gcn_conv_pos='post', import it with a configuration "
    'that says so.',
)


class MMActionSTGCNFamily(MMActionFamily):
    """ST-GCN and ST-GCN++ of MMAction2 and PYSKL."""

    name = 'ST-GCN of MMAction2 or PYSKL'
    signature = 'backbone.gcn.0.gcn.conv.weight'
    backbone = 'STGCN'

    def configure(self, state: State, options: Options) -> Settings:  # noqa: D102
        unit = 'backbone.gcn.0.gcn'
        adjacency = take_entry(state, f'{unit}.A')
        weight = take_entry(state, f'{unit}.conv.weight')
        width = len(take_entry(state, f'{unit}.bn.weight'))
        subsets = len(adjacency)
        before = len(weight) == width * subsets
        channels = weight.shape[1] // (1 if before else subsets)
        backbone: Config = dict(type='STGCN', graph_cfg=match_graph(adjacency))
        backbone |= norm_settings(state, adjacency.shape[-1], channels, 'VC')
        backbone |= stages(state, 'backbone.gcn.{}.gcn.bn.weight', width, first=0)
        found = dict(
            gcn_adaptive=_adaptive(state, unit),
            gcn_conv_pos='pre' if before else 'post',
            gcn_with_res=f'{unit}.down.0.weight' in state,
            tcn_type='unit_tcn' if 'backbone.gcn.0.tcn.conv.weight' in state else 'mstcn',
        )
        defaults = dict(
            gcn_adaptive='importance', gcn_conv_pos='pre', gcn_with_res=False, tcn_type='unit_tcn'
        )
        backbone |= without_defaults(found, **defaults)
        model_cfg = recognizer(backbone, take_entry(state, 'cls_head.fc.weight'))
        return Settings(model_cfg, _ONE_SUBSET if subsets == 1 else ())


def _adaptive(state: State, unit: str) -> str:
    """Tell how a graph convolution learns its adjacency.

    ``'init'`` trains A itself. (Left as it is, A would be stored alike and give the same
    results, but no published network does that.)

    ``'importance'`` multiplies by PA, which starts at 1, ``'offset'`` adds PA, which starts
    near 0. Where the graph has no edge, a factor gets no gradient: these values stay
    equal, while terms to add scatter around 0.
    """
    if f'{unit}.PA' not in state:
        return 'init'
    unused = state[f'{unit}.PA'][state[f'{unit}.A'] == 0]
    return 'importance' if unused.std() < 0.5 * unused.mean().abs() else 'offset'


class MMActionAAGCNFamily(MMActionFamily):
    """AAGCN and 2s-AGCN of MMAction2 and PYSKL."""

    name = 'AAGCN of MMAction2 or PYSKL'
    signature = 'backbone.gcn.0.gcn.conv_d.0.weight'
    backbone = 'AAGCN'

    def configure(self, state: State, options: Options) -> Settings:  # noqa: D102
        unit = 'backbone.gcn.0.gcn'
        adjacency = take_entry(state, 'backbone.A')
        width, channels = take_entry(state, f'{unit}.conv_d.0.weight').shape[:2]
        backbone: Config = dict(type='AAGCN', graph_cfg=match_graph(adjacency))
        backbone |= norm_settings(state, adjacency.shape[-1], channels, 'MVC')
        backbone |= stages(state, 'backbone.gcn.{}.gcn.bn.weight', width, first=0)
        found = dict(
            gcn_attention=f'{unit}.conv_ta.weight' in state, gcn_adaptive=f'{unit}.alpha' in state
        )
        backbone |= without_defaults(found, gcn_attention=True, gcn_adaptive=True)
        return Settings(recognizer(backbone, take_entry(state, 'cls_head.fc.weight')))
