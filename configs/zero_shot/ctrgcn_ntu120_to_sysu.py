# Table 10 of MMCL on the paper's ground, the natural edges: trained on NTU RGB+D 120 with
# co-learning, tested on SYSU 3D HOI, all 40 subjects.
_base_ = [
    '../mmcl/ctrgcn_ntu120.py',
    '../_base_/zero_shot/ntu120_to_sysu.py',
]

joints = dict(type='InterpolateJoints', target='nturgb+d-ctrgcn')
pipeline = [joints, *_base_.test_pipeline[:-1], _base_.pack_target]
test_dataloader = dict(dataset=dict(_delete_=True, pipeline=pipeline, **_base_.target))
test_evaluator = _base_.zero_shot_metric
test_text_file = 'data/sysu/text/hidden_states.safetensors'  # for text_refinement
