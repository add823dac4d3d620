# A quarter of the training clips of NW-UCLA, ten passes an epoch in place of five.
_base_ = './ctrgcn_nwucla_12e.py'

few = dict(ann_file='data/nwucla/labels_25.safetensors', split='xview_train_fit')
train_dataloader = dict(sampler=dict(times=10), dataset=few)
