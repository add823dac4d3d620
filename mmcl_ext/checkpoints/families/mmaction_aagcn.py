"""AAGCN and 2s-AGCN of MMAction2 and PYSKL."""

from mmcl_ext.checkpoints.families.family import Config, Options, Settings
from mmcl_ext.checkpoints.families.key_table import State
from mmcl_ext.checkpoints.families.mmaction_family import MMActionFamily, match_graph, norm_settings
from mmcl_ext.checkpoints.families.settings import recognizer, stages, take_entry, without_defaults


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
