# NTU RGB+D 60, cross-subject, fed as CTR-GCN feeds it. An absent second person is zero.
# Made by: tools/data/convert.py ntu60 RAW data/ntu60/ntu60.safetensors, or ctrgcn-npz NTU60_CS.npz
# A store of PYSKL (--preprocessing pyskl, or kind pickle) is fed by the same pipeline.
_base_ = './loaders.py'

stream = 'joint'  # 'bone', 'joint_motion', 'bone_motion': --cfg-options stream=bone
ann_file = 'data/ntu60/ntu60.safetensors'

format_skeleton = dict(type='FormatSkeleton', num_person=2, pad='zero')
train_pipeline = [
    dict(type='CenterSkeleton', joint=1),
    dict(type='ValidCropResize', window=64, p_interval=(0.5, 1.0)),
    dict(type='RandomRotation', theta=0.3),
    dict(type='SkeletonStream', stream=stream),
    format_skeleton,
    _base_.pack_inputs,
]
test_pipeline = [
    dict(type='CenterSkeleton', joint=1),
    dict(type='ValidCropResize', window=64, p_interval=(0.95,)),
    dict(type='SkeletonStream', stream=stream),
    format_skeleton,
    _base_.pack_inputs,
]

train_dataloader = dict(
    batch_size=64,
    num_workers=4,
    drop_last=True,  # as CTR-GCN's loader
    dataset=dict(ann_file=ann_file, split='xsub_train', pipeline=train_pipeline),
)
val_dataloader = dict(
    batch_size=64,
    num_workers=4,
    dataset=dict(ann_file=ann_file, split='xsub_val', pipeline=test_pipeline),
)
test_dataloader = val_dataloader
