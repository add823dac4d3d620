from mmcl_ext.mmcl.modules.fam import FAM
from mmcl_ext.mmcl.modules.frm import FRM, refine

__all__ = ['FAM', 'FRM', 'refine']
