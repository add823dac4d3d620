# Refinement by what an object detector sees in the frames, in the place of a language model's
# answer: tools/data/extract_text_features.py configs/preparation/text_objects.py.
_base_ = ['./ctrgcn_nwucla_12e.py', '../../_base_/mmcl/co_learning.py']

text_file = 'data/nwucla/objects/object_probs.safetensors'
frm = dict(type='FRM', text_channels=text_file, allow_absent=True)
co_learning = dict(_base_.co_learning, image_encoder=None, fam=None, frm=frm)
model = dict(type='MMCLRecognizer', co_learning=co_learning)
load_text = dict(type='LoadTextFeature', file=text_file, allow_absent=0.01, shuffle=False)
pack = dict(_base_.pack_co_learning, collect_keys=('keypoint', 'text'))
train_dataloader = dict(dataset=dict(pipeline=[load_text, *_base_.train_pipeline[:-1], pack]))
default_hooks = _base_.co_learning_hooks
