# Trained on Northwestern-UCLA, tested on all sequences of UTD-MHAD's shared actions. Both have
# Kinect v1's joints, metres and axes, so the source's own pipeline is all that is needed.
_base_ = [
    '../skeleton/ctrgcn_nwucla.py',
    '../_base_/zero_shot/nwucla_to_utdmhad.py',
]

pipeline = [*_base_.test_pipeline[:-1], _base_.pack_target]
test_dataloader = dict(dataset=dict(_delete_=True, pipeline=pipeline, **_base_.target))
test_evaluator = _base_.zero_shot_metric
