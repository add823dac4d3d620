# A helper in training; ../helpers_nwucla.py puts others in its place.
_base_ = ['./ctrgcn_nwucla_12e.py', '../../_base_/mmcl/helpers.py']

co_learning = dict(helpers=[dict(type='FRHead', num_frames=52)])  # of the pipeline
model = dict(type='MMCLRecognizer', co_learning=dict(type='CoLearning', **co_learning))
default_hooks = _base_.co_learning_hooks
