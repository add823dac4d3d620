"""Recognizers."""

from mmcl_ext.models.recognizers.skeleton_recognizer import SkeletonRecognizer
from mmcl_ext.models.recognizers.transfer_recognizer import TransferRecognizer

__all__ = ['SkeletonRecognizer', 'TransferRecognizer']
