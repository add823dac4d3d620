from types import MappingProxyType

from mmcl_ext.checkpoints.families.ctrgcn import CTRGCNFamily
from mmcl_ext.checkpoints.families.family import EmbeddedFamily
from mmcl_ext.checkpoints.families.key_table import State


class LAGCNFamily(EmbeddedFamily, CTRGCNFamily):
    """LA-GCN of its authors, without the auxiliary logits of its training."""

    name = 'LA-GCN'
    backbone = 'LAGCN'
    usual = MappingProxyType(dict(num_stages=9, inflate_stages=(4, 7), down_stages=(4, 7)))
    train_only = ('aux_fc.', 'examplar')
    branch = 'class-joint logits'

    def fits(self, state: State) -> bool:
        """Tell it from CTR-GCN, which has all its other entries."""
        return super().fits(state) and 'pos_embedding' in state
