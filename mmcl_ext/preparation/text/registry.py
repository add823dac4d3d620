"""Registry of the sources of text features."""

from mmengine.registry import Registry

TEXT_SOURCES = Registry('text source', scope='mmcl_ext', locations=['mmcl_ext.preparation.text'])
"""Classes that :func:`~mmcl_ext.preparation.text.extract_text_features` runs.

They are built with ``folder``, where their input lies, besides what the configuration says, and
implement :class:`~mmcl_ext.preparation.extraction.sharding.FeatureExtractor`.
"""
