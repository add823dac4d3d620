# Depth composites help in training; see configs/_base_/mmcl/utdmhad.py for what they are.
_base_ = [
    '../skeleton/stgcn_hdgraph_utdmhad.py',
    '../_base_/mmcl/utdmhad.py',
]

model = dict(type='MMCLRecognizer', co_learning=_base_.co_learning)
pipeline = [*_base_.load_co_learning, *_base_.train_pipeline[:-1], _base_.pack_co_learning]
train_dataloader = dict(dataset=dict(pipeline=pipeline))
default_hooks = _base_.co_learning_hooks
