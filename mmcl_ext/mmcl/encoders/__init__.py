from mmcl_ext.mmcl.encoders.base import BaseImageEncoder
from mmcl_ext.mmcl.encoders.efficientnet_lite import EfficientNetLite
from mmcl_ext.mmcl.encoders.image_encoder import ImageEncoder
from mmcl_ext.mmcl.encoders.inception_v3 import InceptionV3
from mmcl_ext.mmcl.encoders.plain_cnn import PlainCNN
from mmcl_ext.mmcl.encoders.tiled_encoder import TiledEncoder

__all__ = [
    'BaseImageEncoder',
    'EfficientNetLite',
    'ImageEncoder',
    'InceptionV3',
    'PlainCNN',
    'TiledEncoder',
]
