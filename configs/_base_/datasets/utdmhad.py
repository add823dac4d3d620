# UTD-MHAD, cross-subject: 431 sequences of the odd subjects train, 430 of the even ones test.
# There is no validation split; accuracy on the test split is reported at the end of training.
# Made by: tools/data/convert.py utd-mhad SOURCE data/utd_mhad/utd_mhad.safetensors
stream = 'joint'  # 'bone', 'joint_motion', 'bone_motion': --cfg-options stream=bone
ann_file = 'data/utd_mhad/utd_mhad.safetensors'

pack_inputs = dict(
    type='PackActionInputs',
    collect_keys=('keypoint',),
    meta_keys=('sample_name', 'total_frames'),
)
train_pipeline = [
    dict(type='CenterSkeleton', joint=1),
    # 41 to 125 frames, 68 on average: CTR-GCN's shortest crop of 64 would hardly ever crop.
    dict(type='ValidCropResize', window=64, p_interval=(0.5, 1.0), min_length=32),
    dict(type='RandomRotation', theta=0.3),
    dict(type='SkeletonStream', stream=stream),
    dict(type='FormatSkeleton', num_person=1),
    pack_inputs,
]
test_pipeline = [
    dict(type='CenterSkeleton', joint=1),
    dict(type='ValidCropResize', window=64, p_interval=(0.95,)),
    dict(type='SkeletonStream', stream=stream),
    dict(type='FormatSkeleton', num_person=1),
    pack_inputs,
]

train_dataloader = dict(
    batch_size=16,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        type='SkeletonDataset',
        ann_file=ann_file,
        split='xsub_train',
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    batch_size=64,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='SkeletonDataset',
        ann_file=ann_file,
        split='xsub_test',
        pipeline=test_pipeline,
        test_mode=True,
    ),
)
test_dataloader = val_dataloader

val_evaluator = dict(type='AccMetric')
test_evaluator = val_evaluator
