# Domain-adaptive: the backbone trained on Northwestern-UCLA goes on with UTD-MHAD's training
# subjects and a new head for all 27 actions, data prepared as the source's were. Only the head:
# --cfg-options model.frozen=True
_base_ = ['../skeleton/ctrgcn_nwucla.py', '../_base_/zero_shot/finetune.py']

source = 'work_dirs/skeleton/ctrgcn_nwucla/epoch_65.pth'
model = dict(type='TransferRecognizer', source=source, cls_head=dict(num_classes=27))
ann_file = 'data/utdmhad/utdmhad.safetensors'
train_data = dict(ann_file=ann_file, split='xsub_train')
train_dataloader = dict(sampler=_base_.one_pass, dataset=train_data)
val_dataloader = dict(dataset=dict(ann_file=ann_file, split='xsub_test'))
test_dataloader = val_dataloader
train_cfg = _base_.finetune_train
optim_wrapper = _base_.finetune_optim
param_scheduler = _base_.finetune_scheduler
