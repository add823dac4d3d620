"""Registry of the pose estimators."""

from mmengine.registry import Registry

POSE_ESTIMATORS = Registry(
    'pose estimator', scope='mmcl_ext', locations=['mmcl_ext.preparation.pose']
)
"""Classes that find the persons of an image; they extend
:class:`~mmcl_ext.preparation.pose.pose_estimator.PoseEstimator`."""
