"""Losses."""

from mmcl_ext.models.losses.latent_mmd_loss import LatentMMDLoss

__all__ = ['LatentMMDLoss']
