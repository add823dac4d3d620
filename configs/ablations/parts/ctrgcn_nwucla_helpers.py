# A helper in training; ../helpers_nwucla.py puts others in its place.
_base_ = ['./ctrgcn_nwucla_16e.py', '../../_base_/mmcl/helpers.py']

model = dict(type='MMCLRecognizer', co_learning=_base_.co_learning)
default_hooks = _base_.co_learning_hooks
