# Synthetic people with and without objects: 8 subjects train, 8 others test.
# Made by: python tools/data/make_demo_data.py data/demo
_base_ = './loaders.py'

stream = 'joint'  # 'bone', 'joint_motion', 'bone_motion': --cfg-options stream=bone
ann_file = 'data/demo/skeletons.safetensors'

train_pipeline = [
    dict(type='CenterSkeleton', joint=1),
    dict(type='ValidCropResize', window=32, p_interval=(0.75, 1.0), min_length=16),
    dict(type='RandomRotation', theta=0.3),
    dict(type='SkeletonStream', stream=stream),
    dict(type='FormatSkeleton', num_person=1),
    _base_.pack_inputs,
]
test_pipeline = [
    dict(type='CenterSkeleton', joint=1),
    dict(type='ValidCropResize', window=32, p_interval=(0.95,)),
    dict(type='SkeletonStream', stream=stream),
    dict(type='FormatSkeleton', num_person=1),
    _base_.pack_inputs,
]

train_dataloader = dict(
    batch_size=26,
    num_workers=1,
    drop_last=True,
    dataset=dict(ann_file=ann_file, split='train', pipeline=train_pipeline),
)
val_dataloader = dict(
    batch_size=65,
    num_workers=1,
    dataset=dict(ann_file=ann_file, split='test', pipeline=test_pipeline),
)
test_dataloader = val_dataloader
