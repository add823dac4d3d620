"""Data preprocessors."""

from mmcl_ext.models.preprocessors.skeleton_data_preprocessor import SkeletonDataPreprocessor

__all__ = ['SkeletonDataPreprocessor']
