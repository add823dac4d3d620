# One composite image and one text feature per sample name of NTU RGB+D 60.
_base_ = './co_learning.py'

image_dir = 'data/ntu60/composites'
text_file = 'data/ntu60/text/hidden_states.safetensors'
co_learning = dict(frm=dict(text_channels=text_file))  # the file tells the width
load_co_learning = [
    dict(type='LoadCompositeImage', img_dir=image_dir),
    dict(type='LoadTextFeature', file=text_file),
]
