"""Families of published checkpoints: signature, settings and key table."""

from mmcl_ext.checkpoints.families.blockgcn import BlockGCNFamily
from mmcl_ext.checkpoints.families.ctrgcn import CTRGCNFamily, CTRSGCNFamily
from mmcl_ext.checkpoints.families.dgstgcn import DGSTGCNFamily
from mmcl_ext.checkpoints.families.family import Family
from mmcl_ext.checkpoints.families.hdgcn import HDGCNFamily
from mmcl_ext.checkpoints.families.hypergcn import HyperGCNFamily
from mmcl_ext.checkpoints.families.infogcn import InfoGCNFamily
from mmcl_ext.checkpoints.families.key_table import State
from mmcl_ext.checkpoints.families.lagcn import LAGCNFamily
from mmcl_ext.checkpoints.families.mmaction import (
    MMActionAAGCNFamily,
    MMActionCTRGCNFamily,
    MMActionSTGCNFamily,
)

FAMILIES = (
    LAGCNFamily(),
    CTRGCNFamily(),
    InfoGCNFamily(),
    HDGCNFamily(),
    HyperGCNFamily(),
    CTRSGCNFamily(),
    MMActionCTRGCNFamily(),
    MMActionAAGCNFamily(),
    MMActionSTGCNFamily(),
    DGSTGCNFamily(),
    BlockGCNFamily(),
)


def detect_family(state: State) -> Family:
    """Find the family of a state dictionary by its entries."""
    for family in FAMILIES:
        if family.fits(state):
            return family
    if any(key.startswith('backbone.blocks.') for key in state):
        raise ValueError('the checkpoint is in the layout of this package already')
    known = ', '.join(family.name for family in FAMILIES)
    raise ValueError(f'none of ({known}) has the entries of this file: {sorted(state)[:5]}')
