# Trained on Northwestern-UCLA, tested on all sequences of UTD-MHAD's shared actions. Joints, unit
# and axes are the same, and all sides were seen in training; but UTD-MHAD's performers stand
# still before and after, up to two thirds of a clip.
_base_ = [
    '../skeleton/ctrgcn_nwucla.py',
    '../_base_/zero_shot/nwucla_to_utdmhad.py',
]

trim = dict(type='TrimStill', distance=0.15)
pipeline = [trim, *_base_.test_pipeline[:-1], _base_.pack_target]
test_dataloader = dict(dataset=dict(_delete_=True, pipeline=pipeline, **_base_.target))
test_evaluator = _base_.zero_shot_metric
