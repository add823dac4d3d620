"""Person boxes: where in the frames of a video the person is."""

from mmcl_ext.preparation.person_boxes import (  # noqa: F401
    mmdet_boxes,
    skeleton_boxes,
    transformers_boxes,
)
from mmcl_ext.registry import PERSON_BOXES as PERSON_BOXES
