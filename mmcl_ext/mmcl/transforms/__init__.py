from mmcl_ext.mmcl.transforms.base import SideDataTransform
from mmcl_ext.mmcl.transforms.jitter_image import JitterImage
from mmcl_ext.mmcl.transforms.load_composite_image import LoadCompositeImage
from mmcl_ext.mmcl.transforms.load_image_feature import LoadImageFeature
from mmcl_ext.mmcl.transforms.load_text_feature import LoadTextFeature

__all__ = [
    'JitterImage',
    'LoadCompositeImage',
    'LoadImageFeature',
    'LoadTextFeature',
    'SideDataTransform',
]
