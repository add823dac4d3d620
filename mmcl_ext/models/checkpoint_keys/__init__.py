"""Published checkpoints to ours and back, without loss.

Every function takes a bare state dictionary (no ``state_dict`` level, no
``module.`` prefix) and returns a new one. Ours has the keys of a
:class:`~mmcl_ext.models.recognizers.SkeletonRecognizer`: ``backbone.*`` and
``cls_head.*``.
"""

from mmcl_ext.models.checkpoint_keys.ctrgcn import from_ctrgcn, to_ctrgcn
from mmcl_ext.models.checkpoint_keys.ctrsgcn import from_ctrsgcn, to_ctrsgcn
from mmcl_ext.models.checkpoint_keys.hdgcn import from_hdgcn, to_hdgcn
from mmcl_ext.models.checkpoint_keys.infogcn import from_infogcn, to_infogcn

__all__ = [
    'from_ctrgcn',
    'from_ctrsgcn',
    'from_hdgcn',
    'from_infogcn',
    'to_ctrgcn',
    'to_ctrsgcn',
    'to_hdgcn',
    'to_infogcn',
]
