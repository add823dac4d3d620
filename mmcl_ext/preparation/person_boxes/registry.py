"""Registry of the sources of person boxes."""

from mmengine.registry import Registry

PERSON_BOXES = Registry(
    'person boxes', scope='mmcl_ext', locations=['mmcl_ext.preparation.person_boxes']
)
"""Classes that :func:`~mmcl_ext.preparation.person_boxes.detect_persons` runs.

They are built with ``source``, where their input lies, besides what the configuration says, and
extend :class:`~mmcl_ext.preparation.person_boxes.person_box_source.PersonBoxSource`.
"""
