"""Text features: what a vision-language model answers about the composite of a sample."""

from mmcl_ext.preparation.text import detected_objects, npy_features, vqa_models  # noqa: F401
from mmcl_ext.registry import TEXT_SOURCES as TEXT_SOURCES
