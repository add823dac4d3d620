# The features of that encoder, computed once: no image is read and no encoder runs.
_base_ = '../../mmcl/ctrgcn_hdgraph_utdmhad.py'

image_file = 'work_dirs/image_encoder/resnet34_utdmhad/features.safetensors'
model = dict(co_learning=dict(image_encoder=None, fam=dict(in_channels=image_file)))
pipeline = [dict(type='LoadImageFeature', file=image_file), *_base_.pipeline[1:]]
train_dataloader = dict(dataset=dict(pipeline=pipeline))
