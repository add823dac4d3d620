from mmcl_ext.mmcl.losses.contrastive_loss import ContrastiveLoss, contrastive_terms
from mmcl_ext.mmcl.losses.mmcl_loss import MMCLLoss, retrieval_accuracy

__all__ = ['ContrastiveLoss', 'MMCLLoss', 'contrastive_terms', 'retrieval_accuracy']
