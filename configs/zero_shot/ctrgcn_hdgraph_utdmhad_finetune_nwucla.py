# Domain-adaptive: the backbone trained on UTD-MHAD, with or without co-learning, goes on with
# Northwestern-UCLA's training views and a new head for all 10 actions. Only the head:
# --cfg-options model.frozen=True
_base_ = ['../skeleton/ctrgcn_hdgraph_utdmhad.py', '../_base_/zero_shot/finetune.py']

source = 'work_dirs/mmcl/ctrgcn_hdgraph_utdmhad/epoch_30.pth'
model = dict(type='TransferRecognizer', source=source, cls_head=dict(num_classes=10))
data = dict(ann_file='data/nwucla/nwucla.safetensors')
face = dict(type='FaceSensor', pitch=10.0)  # as UTD-MHAD's performers do
train_data = dict(split='xview_train', pipeline=[face, *_base_.train_pipeline], **data)
test_data = dict(split='xview_val', pipeline=[face, *_base_.test_pipeline], **data)
train_dataloader = dict(dataset=train_data)
val_dataloader = dict(dataset=test_data)
test_dataloader = val_dataloader
train_cfg = _base_.finetune_train
optim_wrapper = _base_.finetune_optim
param_scheduler = _base_.finetune_scheduler
