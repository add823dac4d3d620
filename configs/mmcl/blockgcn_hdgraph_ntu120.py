# Two GPUs, as in the paper: tools/dist_train.sh <this file> 2
_base_ = [
    '../skeleton/blockgcn_hdgraph_ntu120.py',
    '../_base_/mmcl/ntu120.py',
]

model = dict(type='MMCLRecognizer', co_learning=_base_.co_learning)
pipeline = [*_base_.load_co_learning, *_base_.train_pipeline[:-1], _base_.pack_co_learning]
train_dataloader = dict(dataset=dict(pipeline=pipeline))
default_hooks = _base_.co_learning_hooks
