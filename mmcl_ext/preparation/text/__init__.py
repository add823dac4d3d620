"""Text features: what a vision-language model answers about the composite of a sample."""

from mmcl_ext.preparation.text.blip_vqa import BlipVQA
from mmcl_ext.preparation.text.composite_reader import CompositeReader
from mmcl_ext.preparation.text.extract_text_features import extract_text_features
from mmcl_ext.preparation.text.image_text_vqa import ImageTextVQA
from mmcl_ext.preparation.text.npy_features import NpyFeatures
from mmcl_ext.preparation.text.vqa_source import VQASource
from mmcl_ext.registry import TEXT_SOURCES

__all__ = [
    'TEXT_SOURCES',
    'BlipVQA',
    'CompositeReader',
    'ImageTextVQA',
    'NpyFeatures',
    'VQASource',
    'extract_text_features',
]
