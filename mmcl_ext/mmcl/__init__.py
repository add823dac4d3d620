"""Multi-modality co-learning: images and texts help the training of a skeleton network.

Nothing below this level imports it; configurations bring it in with
``custom_imports = dict(imports=['mmcl_ext.mmcl'], allow_failed_imports=False)``.
"""

from mmcl_ext.datasets.store.feature_file import FeatureFile, write_feature_file
from mmcl_ext.mmcl.co_learning import CoLearning
from mmcl_ext.mmcl.encoders import (
    EfficientNetLite,
    ImageEncoder,
    InceptionV3,
    PlainCNN,
    TiledEncoder,
)
from mmcl_ext.mmcl.hooks import (
    CoLearningDataCheckHook,
    RefinementMonitorHook,
    StripCheckpointHook,
)
from mmcl_ext.mmcl.image_classifier import ImageClassifier
from mmcl_ext.mmcl.losses import ContrastiveLoss, MMCLLoss
from mmcl_ext.mmcl.mmcl_data_preprocessor import MMCLDataPreprocessor
from mmcl_ext.mmcl.mmcl_recognizer import MMCLRecognizer
from mmcl_ext.mmcl.modules import FAM, FRM
from mmcl_ext.mmcl.transforms import (
    JitterImage,
    LoadCompositeImage,
    LoadImageFeature,
    LoadTextFeature,
)

__all__ = [
    'FAM',
    'FRM',
    'CoLearning',
    'CoLearningDataCheckHook',
    'ContrastiveLoss',
    'EfficientNetLite',
    'FeatureFile',
    'ImageClassifier',
    'ImageEncoder',
    'InceptionV3',
    'JitterImage',
    'LoadCompositeImage',
    'LoadImageFeature',
    'LoadTextFeature',
    'MMCLDataPreprocessor',
    'MMCLLoss',
    'MMCLRecognizer',
    'PlainCNN',
    'RefinementMonitorHook',
    'StripCheckpointHook',
    'TiledEncoder',
    'write_feature_file',
]
