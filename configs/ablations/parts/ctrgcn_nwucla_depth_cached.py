# The features of that encoder, computed once. Five training samples have no video.
_base_ = './ctrgcn_nwucla_depth.py'

image_file = 'data/nwucla/image_features.safetensors'
model = dict(co_learning=dict(image_encoder=None, fam=dict(in_channels=image_file)))
load_feature = dict(
    type='LoadImageFeature', file=image_file, allow_absent=0.01, standardise=True, shuffle=False
)
pipeline = [load_feature, *_base_.pipeline[1:]]
train_dataloader = dict(dataset=dict(pipeline=pipeline))
