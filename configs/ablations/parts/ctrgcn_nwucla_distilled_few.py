# The same with the scores of a linear classifier that was fitted on the quarter.
_base_ = './ctrgcn_nwucla_distilled.py'

teacher = dict(_base_.teacher, file='data/nwucla/image_scores_25.pkl')
model = dict(co_learning=dict(helpers=[teacher]))
few = dict(ann_file='data/nwucla/labels_25.safetensors', split='xview_train_fit')
train_dataloader = dict(sampler=dict(times=10), dataset=few)
