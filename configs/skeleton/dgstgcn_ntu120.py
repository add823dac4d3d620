_base_ = './dgstgcn_ntu60.py'

ann_file = 'data/ntu120/ntu120.safetensors'
model = dict(cls_head=dict(num_classes=120))
train_dataloader = dict(dataset=dict(ann_file=ann_file))
val_dataloader = dict(dataset=dict(ann_file=ann_file))
test_dataloader = dict(dataset=dict(ann_file=ann_file))
