# Alignment with images alone: no refinement, no text.
_base_ = '../../mmcl/ctrgcn_ntu120.py'

model = dict(co_learning=dict(frm=None))
pack = {**_base_.pack_co_learning, 'collect_keys': ('keypoint', 'image')}
pipeline = [*_base_.load_co_learning[:1], *_base_.train_pipeline[:-1], pack]
train_dataloader = dict(dataset=dict(pipeline=pipeline))
