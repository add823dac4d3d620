# Northwestern-UCLA, cross-view: 1,020 sequences of the views 1 and 2 train, 464 of view 3 test.
# Fed as CTR-GCN feeds it: every sequence five times per epoch, in other views and frames.
# Made by: tools/data/convert.py nwucla all_sqe.zip data/nwucla/nwucla.safetensors
_base_ = './loaders.py'

stream = 'joint'  # 'bone', 'joint_motion', 'bone_motion': --cfg-options stream=bone
ann_file = 'data/nwucla/nwucla.safetensors'

train_pipeline = [
    dict(type='CenterSkeleton', joint=1),
    dict(type='RandomView', max_degrees=60, scale=(0.5, 1.5)),
    dict(type='NormalizeRange'),
    dict(type='PickFrames', num_frames=52, random=True),
    dict(type='SkeletonStream', stream=stream),
    dict(type='FormatSkeleton', num_person=1),
    _base_.pack_inputs,
]
test_pipeline = [
    dict(type='CenterSkeleton', joint=1),
    dict(type='NormalizeRange'),
    dict(type='PickFrames', num_frames=52),
    dict(type='SkeletonStream', stream=stream),
    dict(type='FormatSkeleton', num_person=1),
    _base_.pack_inputs,
]

train_dataloader = dict(
    batch_size=16,
    num_workers=2,
    sampler=dict(type='RepeatSampler', times=5),
    dataset=dict(ann_file=ann_file, split='xview_train', pipeline=train_pipeline),
)
val_dataloader = dict(
    num_workers=2,
    dataset=dict(ann_file=ann_file, split='xview_val', pipeline=test_pipeline),
)
test_dataloader = val_dataloader
