from mmcl_ext.mmcl.transforms.feature_transform import FeatureTransform
from mmcl_ext.registry import TRANSFORMS


@TRANSFORMS.register_module()
class LoadImageFeature(FeatureTransform):
    """Load the cached image feature of a sample, in place of its image.

    Reads ``results['sample_name']``; writes ``results['image']``, float32 (F,) from ``file``.
    The co-learning branch then has ``image_encoder=None``.
    """

    key = 'image'
