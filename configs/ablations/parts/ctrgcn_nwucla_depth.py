# Alignment with depth renderings by a frozen ImageNet encoder.
_base_ = ['./ctrgcn_nwucla_12e.py', '../../_base_/mmcl/nwucla_depth.py']

model = dict(type='MMCLRecognizer', co_learning=_base_.co_learning)
pipeline = [*_base_.load_co_learning, *_base_.train_pipeline[:-1], _base_.pack_co_learning]
train_dataloader = dict(dataset=dict(pipeline=pipeline))
default_hooks = _base_.co_learning_hooks
