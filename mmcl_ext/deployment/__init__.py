"""From checkpoints to products: description, publication, export, other runtimes."""

from mmcl_ext.checkpoints.model_info import ModelInfo
from mmcl_ext.deployment.backends import load_backend
from mmcl_ext.deployment.model_file import read_model_info
from mmcl_ext.deployment.optimize import optimize_for_inference

__all__ = ['ModelInfo', 'load_backend', 'optimize_for_inference', 'read_model_info']
