# NTU RGB+D 60, cross-subject, fed as CTR-GCN feeds it. An absent second person is zero.
# Made by: tools/data/convert.py ntu60 RAW data/ntu60/ntu60.safetensors, or ctrgcn-npz NTU60_CS.npz
# A store of PYSKL (--preprocessing pyskl, or kind pickle) is fed by the same pipeline.
stream = 'joint'  # 'bone', 'joint_motion', 'bone_motion': --cfg-options stream=bone
ann_file = 'data/ntu60/ntu60.safetensors'

format_skeleton = dict(type='FormatSkeleton', num_person=2, pad='zero')
pack_inputs = dict(
    type='PackActionInputs',
    collect_keys=('keypoint',),
    meta_keys=('sample_name', 'total_frames'),
)
train_pipeline = [
    dict(type='CenterSkeleton', joint=1),
    dict(type='ValidCropResize', window=64, p_interval=(0.5, 1.0)),
    dict(type='RandomRotation', theta=0.3),
    dict(type='SkeletonStream', stream=stream),
    format_skeleton,
    pack_inputs,
]
test_pipeline = [
    dict(type='CenterSkeleton', joint=1),
    dict(type='ValidCropResize', window=64, p_interval=(0.95,)),
    dict(type='SkeletonStream', stream=stream),
    format_skeleton,
    pack_inputs,
]

train_dataloader = dict(
    batch_size=64,
    num_workers=4,
    persistent_workers=True,
    drop_last=True,  # as CTR-GCN's loader
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
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='SkeletonDataset',
        ann_file=ann_file,
        split='xsub_val',
        pipeline=test_pipeline,
        test_mode=True,
    ),
)
test_dataloader = val_dataloader

val_evaluator = dict(type='AccMetric')
test_evaluator = val_evaluator
