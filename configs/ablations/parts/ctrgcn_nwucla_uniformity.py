# The negatives of alignment within the skeleton view alone, at half of lambda_1 = 0.02: the
# contrastive loss halves them.
_base_ = ['./ctrgcn_nwucla_12e.py', '../../_base_/mmcl/helpers.py']

helpers = [dict(type='Uniformity', weight=0.01, temperature=0.1)]
model = dict(type='MMCLRecognizer', co_learning=dict(type='CoLearning', helpers=helpers))
default_hooks = _base_.co_learning_hooks
