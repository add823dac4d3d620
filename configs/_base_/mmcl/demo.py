# One composite image and one text feature per training sample of the demo, and a small image
# encoder: nothing is downloaded.
_base_ = './co_learning.py'

image_dir = 'data/demo/composites'
text_file = 'data/demo/text_features.safetensors'
co_learning = dict(
    image_encoder=dict(_delete_=True, type='PlainCNN'),
    frm=dict(text_channels=text_file),
)
load_co_learning = [
    dict(type='LoadCompositeImage', img_dir=image_dir, size=(96, 96)),
    dict(type='LoadTextFeature', file=text_file),
]

# The image part starts from random weights and its loss is multiplied by lambda_1 = 0.1: it would
# hardly learn in the few epochs of the demo. The skeleton network keeps its learning rate.
image_part = dict(lr_mult=10.0)
co_learning_optim = dict(
    paramwise_cfg=dict(
        custom_keys={'co_learning.image_encoder': image_part, 'co_learning.fam': image_part}
    )
)
