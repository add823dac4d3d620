"""Classification heads."""

from mmcl_ext.models.heads.gcn_head import GCNHead

__all__ = ['GCNHead']
