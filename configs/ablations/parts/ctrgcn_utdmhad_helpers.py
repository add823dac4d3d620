# A helper in training; ../helpers_utdmhad.py puts others in its place.
_base_ = ['../../skeleton/ctrgcn_utdmhad.py', '../../_base_/mmcl/helpers.py']

model = dict(type='MMCLRecognizer', co_learning=_base_.co_learning)
default_hooks = _base_.co_learning_hooks
