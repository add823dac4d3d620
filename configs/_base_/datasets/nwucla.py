# Northwestern-UCLA, cross-view: 1,020 sequences of the views 1 and 2 train, 464 of view 3 test.
# Fed as CTR-GCN feeds it: every sequence five times per epoch, in other views and frames.
# Made by: tools/data/convert.py nw-ucla all_sqe.zip data/nw_ucla/nw_ucla.safetensors
stream = 'joint'  # 'bone', 'joint_motion', 'bone_motion': --cfg-options stream=bone
ann_file = 'data/nw_ucla/nw_ucla.safetensors'

pack_inputs = dict(
    type='PackActionInputs',
    collect_keys=('keypoint',),
    meta_keys=('sample_name', 'total_frames'),
)
train_pipeline = [
    dict(type='CenterSkeleton', joint=1),
    dict(type='RandomView', max_degrees=60, scale=(0.5, 1.5)),
    dict(type='NormalizeRange'),
    dict(type='PickFrames', num_frames=52, random=True),
    dict(type='SkeletonStream', stream=stream),
    dict(type='FormatSkeleton', num_person=1),
    pack_inputs,
]
test_pipeline = [
    dict(type='CenterSkeleton', joint=1),
    dict(type='NormalizeRange'),
    dict(type='PickFrames', num_frames=52),
    dict(type='SkeletonStream', stream=stream),
    dict(type='FormatSkeleton', num_person=1),
    pack_inputs,
]

train_dataloader = dict(
    batch_size=16,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type='RepeatSampler', times=5, shuffle=True),
    dataset=dict(
        type='SkeletonDataset',
        ann_file=ann_file,
        split='xview_train',
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    batch_size=64,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='SkeletonDataset',
        ann_file=ann_file,
        split='xview_val',
        pipeline=test_pipeline,
        test_mode=True,
    ),
)
test_dataloader = val_dataloader

val_evaluator = dict(type='AccMetric')
test_evaluator = val_evaluator
