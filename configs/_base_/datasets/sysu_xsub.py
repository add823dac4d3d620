# SYSU 3D HOI, setting 2: half of the subjects train, the others test; the first of 30 random
# divisions. Another one: --cfg-options train_dataloader.dataset.split=xsub_07_train
# val_dataloader.dataset.split=xsub_07_val test_dataloader.dataset.split=xsub_07_val
# Made by: tools/data/convert.py sysu SOURCE data/sysu/sysu.safetensors
_base_ = './utdmhad.py'

ann_file = 'data/sysu/sysu.safetensors'
train_pipeline = [
    _base_.train_pipeline[0],
    # Up to 638 frames: crops of CTR-GCN's length.
    dict(type='ValidCropResize', window=64, p_interval=(0.5, 1.0)),
    *_base_.train_pipeline[2:],
]
train_dataloader = dict(
    dataset=dict(ann_file=ann_file, split='xsub_00_train', pipeline=train_pipeline)
)
val_dataloader = dict(dataset=dict(ann_file=ann_file, split='xsub_00_val'))
test_dataloader = val_dataloader
