# The features of that encoder, computed once. Five training samples have no video. The weight and
# the temperature of the loss were chosen on the training views: docs/protocol.md.
_base_ = './ctrgcn_nwucla_depth.py'

image_file = 'data/nwucla/image_features.safetensors'
loss = dict(alignment_weight=0.02, contrastive=dict(temperature=0.1))
model = dict(co_learning=dict(image_encoder=None, fam=dict(in_channels=image_file), loss=loss))
load_feature = dict(
    type='LoadImageFeature', file=image_file, allow_absent=0.01, standardise=True, shuffle=False
)
pipeline = [load_feature, *_base_.pipeline[1:]]
train_dataloader = dict(dataset=dict(pipeline=pipeline))
