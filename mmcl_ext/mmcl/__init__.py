"""Multi-modality co-learning: images and texts help the training of a skeleton network.

Nothing below this level imports it; configurations bring it in with
``custom_imports = dict(imports=['mmcl_ext.mmcl'], allow_failed_imports=False)``.
"""

from mmcl_ext.datasets.store.feature_file import FeatureFile, write_feature_file
from mmcl_ext.mmcl.co_learning import CoLearning
from mmcl_ext.mmcl.encoders.efficientnet_lite import EfficientNetLite
from mmcl_ext.mmcl.encoders.image_encoder import ImageEncoder
from mmcl_ext.mmcl.encoders.inception_v3 import InceptionV3
from mmcl_ext.mmcl.encoders.plain_cnn import PlainCNN
from mmcl_ext.mmcl.encoders.tiled_encoder import TiledEncoder
from mmcl_ext.mmcl.helper import TrainingHelper
from mmcl_ext.mmcl.helpers.class_texts import ClassTextAlignment, JointConstraint
from mmcl_ext.mmcl.helpers.feature_bank import FeatureContrast, GraphContrast
from mmcl_ext.mmcl.helpers.fr_head import FRHead
from mmcl_ext.mmcl.helpers.score_distillation import ScoreDistillation
from mmcl_ext.mmcl.helpers.topology_prototypes import TopologyPrototypes
from mmcl_ext.mmcl.helpers.uniformity import Uniformity
from mmcl_ext.mmcl.hooks.co_learning_data_check_hook import CoLearningDataCheckHook
from mmcl_ext.mmcl.hooks.refinement_monitor_hook import RefinementMonitorHook
from mmcl_ext.mmcl.hooks.strip_checkpoint_hook import StripCheckpointHook
from mmcl_ext.mmcl.image_classifier import ImageClassifier
from mmcl_ext.mmcl.losses.contrastive_loss import ContrastiveLoss
from mmcl_ext.mmcl.losses.mmcl_loss import MMCLLoss
from mmcl_ext.mmcl.mmcl_data_preprocessor import MMCLDataPreprocessor
from mmcl_ext.mmcl.mmcl_recognizer import MMCLRecognizer
from mmcl_ext.mmcl.modules import FAM, FRM
from mmcl_ext.mmcl.transforms.feature_transform import LoadImageFeature, LoadTextFeature
from mmcl_ext.mmcl.transforms.jitter_image import JitterImage
from mmcl_ext.mmcl.transforms.load_composite_image import LoadCompositeImage

__all__ = [
    'FAM',
    'FRM',
    'ClassTextAlignment',
    'CoLearning',
    'CoLearningDataCheckHook',
    'ContrastiveLoss',
    'EfficientNetLite',
    'FRHead',
    'FeatureContrast',
    'FeatureFile',
    'GraphContrast',
    'ImageClassifier',
    'ImageEncoder',
    'InceptionV3',
    'JitterImage',
    'JointConstraint',
    'LoadCompositeImage',
    'LoadImageFeature',
    'LoadTextFeature',
    'MMCLDataPreprocessor',
    'MMCLLoss',
    'MMCLRecognizer',
    'PlainCNN',
    'RefinementMonitorHook',
    'ScoreDistillation',
    'StripCheckpointHook',
    'TiledEncoder',
    'TopologyPrototypes',
    'TrainingHelper',
    'Uniformity',
    'write_feature_file',
]
