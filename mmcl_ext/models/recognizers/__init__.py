"""Recognizers."""

from mmcl_ext.models.recognizers.skeleton_recognizer import SkeletonRecognizer

__all__ = ['SkeletonRecognizer']
