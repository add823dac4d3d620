# Table 10 of MMCL, the baseline: CTR-GCN trained on NTU RGB+D 120 without co-learning, tested on
# six actions of UTD-MHAD.
_base_ = [
    '../skeleton/ctrgcn_mmcl110e_ntu120.py',
    '../_base_/zero_shot/ntu120_to_utdmhad_paper.py',
]

joints = dict(type='InterpolateJoints', target='nturgb+d-ctrgcn')
pipeline = [joints, *_base_.test_pipeline[:-1], _base_.pack_target]
test_dataloader = dict(dataset=dict(_delete_=True, pipeline=pipeline, **_base_.target))
test_evaluator = _base_.zero_shot_metric
