from mmcl_ext.mmcl.encoders.base import BaseImageEncoder
from mmcl_ext.mmcl.encoders.image_encoder import ImageEncoder
from mmcl_ext.mmcl.encoders.inception_v3 import InceptionV3

__all__ = ['BaseImageEncoder', 'ImageEncoder', 'InceptionV3']
