from mmcl_ext.mmcl.transforms.feature_transform import FeatureTransform
from mmcl_ext.registry import TRANSFORMS


@TRANSFORMS.register_module()
class LoadTextFeature(FeatureTransform):
    """Load the text feature of a sample.

    Reads ``results['sample_name']``; writes ``results['text']``, float32 (D,) from ``file``.
    """

    key = 'text'
