"""Published checkpoints to ours and back, without loss.

Every function takes a bare state dictionary (no ``state_dict`` level, no
``module.`` prefix) and returns a new one. Ours has the keys of a
:class:`~mmcl_ext.models.recognizers.SkeletonRecognizer`: ``backbone.*`` and
``cls_head.*``.
"""

from mmcl_ext.checkpoints.key_tables.ctrgcn import (
    convert_ctrgcn_state_dict,
    restore_ctrgcn_state_dict,
)
from mmcl_ext.checkpoints.key_tables.ctrsgcn import (
    convert_ctrsgcn_state_dict,
    restore_ctrsgcn_state_dict,
)
from mmcl_ext.checkpoints.key_tables.hdgcn import convert_hdgcn_state_dict, restore_hdgcn_state_dict
from mmcl_ext.checkpoints.key_tables.infogcn import (
    convert_infogcn_state_dict,
    restore_infogcn_state_dict,
)

__all__ = [
    'convert_ctrgcn_state_dict',
    'convert_ctrsgcn_state_dict',
    'convert_hdgcn_state_dict',
    'convert_infogcn_state_dict',
    'restore_ctrgcn_state_dict',
    'restore_ctrsgcn_state_dict',
    'restore_hdgcn_state_dict',
    'restore_infogcn_state_dict',
]
