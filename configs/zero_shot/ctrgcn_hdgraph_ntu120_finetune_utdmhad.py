# Domain-adaptive: the backbone trained on NTU RGB+D 120, with or without co-learning, goes on
# with UTD-MHAD's training subjects, as 25 joints, and a new head for all 27 actions. Only the
# head: --cfg-options model.frozen=True
_base_ = ['../skeleton/ctrgcn_hdgraph_ntu120.py', '../_base_/zero_shot/finetune.py']

source = 'work_dirs/mmcl/ctrgcn_hdgraph_ntu120/epoch_110_skeleton.pth'
model = dict(type='TransferRecognizer', source=source, cls_head=dict(num_classes=27))
data = dict(ann_file='data/utdmhad/utdmhad.safetensors')
joints = dict(type='InterpolateJoints', target='nturgb+d-ctrgcn')
train_data = dict(split='xsub_train', pipeline=[joints, *_base_.train_pipeline], **data)
test_data = dict(split='xsub_test', pipeline=[joints, *_base_.test_pipeline], **data)
train_dataloader = dict(batch_size=16, dataset=train_data)
val_dataloader = dict(dataset=test_data)
test_dataloader = val_dataloader
train_cfg = _base_.finetune_train
optim_wrapper = _base_.finetune_optim
param_scheduler = _base_.finetune_scheduler
