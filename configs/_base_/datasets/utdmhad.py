# UTD-MHAD, cross-subject: 431 sequences of the odd subjects train, 430 of the even ones test.
# There is no validation split; accuracy on the test split is reported at the end of training.
# Made by: tools/data/convert.py utdmhad SOURCE data/utdmhad/utdmhad.safetensors
_base_ = './loaders.py'

stream = 'joint'  # 'bone', 'joint_motion', 'bone_motion': --cfg-options stream=bone
ann_file = 'data/utdmhad/utdmhad.safetensors'

train_pipeline = [
    dict(type='CenterSkeleton', joint=1),
    # 41 to 125 frames, 68 on average: CTR-GCN's shortest crop of 64 would hardly ever crop.
    dict(type='ValidCropResize', window=64, p_interval=(0.5, 1.0), min_length=32),
    dict(type='RandomRotation', theta=0.3),
    dict(type='SkeletonStream', stream=stream),
    dict(type='FormatSkeleton', num_person=1),
    _base_.pack_inputs,
]
test_pipeline = [
    dict(type='CenterSkeleton', joint=1),
    dict(type='ValidCropResize', window=64, p_interval=(0.95,)),
    dict(type='SkeletonStream', stream=stream),
    dict(type='FormatSkeleton', num_person=1),
    _base_.pack_inputs,
]

train_dataloader = dict(
    batch_size=16,
    num_workers=1,
    dataset=dict(ann_file=ann_file, split='xsub_train', pipeline=train_pipeline),
)
val_dataloader = dict(
    num_workers=1,
    dataset=dict(ann_file=ann_file, split='xsub_test', pipeline=test_pipeline),
)
test_dataloader = val_dataloader
