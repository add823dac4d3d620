# Trained on UTD-MHAD, with or without co-learning, tested on all sequences of
# Northwestern-UCLA's shared actions. Joints, unit and axes are the same; but UTD-MHAD's
# performers face a level sensor, the other's are seen from all sides by sensors that look
# down by about ten degrees.
_base_ = [
    '../skeleton/ctrgcn_hdgraph_utdmhad.py',
    '../_base_/zero_shot/utdmhad_to_nwucla.py',
]

pipeline = [dict(type='FaceSensor', pitch=10.0), *_base_.test_pipeline[:-1], _base_.pack_target]
test_dataloader = dict(dataset=dict(_delete_=True, pipeline=pipeline, **_base_.target))
test_evaluator = _base_.zero_shot_metric
