# Half of the loss is the distance to what a linear classifier of the image feature says:
# tools/analysis/feature_scores.py. Its log probabilities are soft already: temperature 1.
_base_ = ['./ctrgcn_nwucla_12e.py', '../../_base_/mmcl/helpers.py']

teacher = dict(
    type='ScoreDistillation',
    file='data/nwucla/image_scores.pkl',
    temperature=1.0,
    weight=0.5,
    allow_absent=0.01,
    shuffle=False,
)
model = dict(
    type='MMCLRecognizer',
    cls_head=dict(loss_cls=dict(type='CrossEntropyLoss', loss_weight=0.5)),
    co_learning=dict(type='CoLearning', helpers=[teacher]),
)
default_hooks = _base_.co_learning_hooks
