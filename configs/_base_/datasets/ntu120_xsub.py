# NTU RGB+D 120, cross-subject. Unlike with NTU 60, CTR-GCN, HD-GCN and MMCL fill an absent
# second person with a copy of the first.
# Made by: tools/data/convert.py ntu120 RAW data/ntu120/ntu120.safetensors, or ctrgcn-npz
_base_ = './ntu60_xsub.py'

ann_file = 'data/ntu120/ntu120.safetensors'
format_skeleton = dict(type='FormatSkeleton', num_person=2, pad='copy')
train_pipeline = [*_base_.train_pipeline[:-2], format_skeleton, _base_.pack_inputs]
test_pipeline = [*_base_.test_pipeline[:-2], format_skeleton, _base_.pack_inputs]

train_dataloader = dict(dataset=dict(ann_file=ann_file, pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(ann_file=ann_file, pipeline=test_pipeline))
test_dataloader = val_dataloader
