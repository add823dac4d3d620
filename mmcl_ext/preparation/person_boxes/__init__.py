"""Person boxes: where in the frames of a video the person is."""

from mmcl_ext.preparation.person_boxes.detect_persons import detect_persons
from mmcl_ext.preparation.person_boxes.mmdet_boxes import MMDetPersonBoxes
from mmcl_ext.preparation.person_boxes.ntu_skeleton_boxes import NTUSkeletonBoxes
from mmcl_ext.preparation.person_boxes.projected_skeleton_boxes import ProjectedSkeletonBoxes
from mmcl_ext.preparation.person_boxes.transformers_boxes import TransformersPersonBoxes
from mmcl_ext.registry import PERSON_BOXES

__all__ = [
    'PERSON_BOXES',
    'MMDetPersonBoxes',
    'NTUSkeletonBoxes',
    'ProjectedSkeletonBoxes',
    'TransformersPersonBoxes',
    'detect_persons',
]
