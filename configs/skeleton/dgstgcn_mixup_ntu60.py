# The recipe with the body-part mixup of SkeletonAgent, which trains on the clips and on blended
# ones and adds both cross entropies: twice the mean over them.
_base_ = './dgstgcn_ntu60.py'

model = dict(
    data_preprocessor=dict(
        type='SkeletonDataPreprocessor',
        blending=dict(type='BodyPartMixup', num_classes=60, layout='nturgb+d'),
        keep_clips=True,
    ),
    cls_head=dict(loss_cls=dict(type='CrossEntropyLoss', loss_weight=2.0)),
)
