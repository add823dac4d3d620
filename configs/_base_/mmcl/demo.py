# One composite image and one text feature per training sample of the demo. A small image
# encoder with random weights: nothing is downloaded.
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
