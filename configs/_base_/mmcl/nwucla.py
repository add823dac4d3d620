# One composite image and one text feature per sample name of NW-UCLA. The skeleton archive holds
# no pictures: both come from the videos of the data set's authors, see docs/datasets/nw_ucla.md.
_base_ = './co_learning.py'

image_dir = 'data/nwucla/composites'
text_file = 'data/nwucla/text/hidden_states.safetensors'
co_learning = dict(frm=dict(text_channels=text_file))  # the file tells the width
load_co_learning = [
    dict(type='LoadCompositeImage', img_dir=image_dir),
    dict(type='LoadTextFeature', file=text_file),
]
