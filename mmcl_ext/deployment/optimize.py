import copy
from typing import Any

import torch
from torch import nn

from mmcl_ext.deployment.fused_layers import FusedBlocks
from mmcl_ext.models.backbones.ctrgcn import CTRGCN
from mmcl_ext.models.backbones.empty_person_cache import EmptyPersonCache
from mmcl_ext.models.backbones.per_person import PerPersonBackbone
from mmcl_ext.models.layers.skeleton_block import SkeletonBlock


@torch.no_grad()
def optimize_for_inference(model: nn.Module) -> nn.Module:
    """Return a copy of a recognizer that gives the same logits, up to rounding, faster.

    CTR-GCN's blocks are replaced by :mod:`mmcl_ext.deployment.fused_layers`; other
    networks are copied as they are. The copy is for inference alone: it cannot be
    trained, and its state dictionary is not the model's.
    """
    fast: Any = copy.deepcopy(model).eval().requires_grad_(False)
    backbone = getattr(fast, 'backbone', None)
    if isinstance(backbone, PerPersonBackbone):
        # Constants are edited by nobody: looking for edits would only take time.
        backbone.empty_persons = EmptyPersonCache(compare=False)
    if type(backbone) is CTRGCN and all(type(b) is SkeletonBlock for b in backbone.blocks):
        blocks: Any = list(backbone.blocks)
        backbone.blocks = nn.ModuleList([FusedBlocks(blocks)])
    return fast
