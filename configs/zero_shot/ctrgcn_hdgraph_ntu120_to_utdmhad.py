# Trained on NTU RGB+D 120 on the HD-Graph, tested on six actions of UTD-MHAD, whose 20 joints
# become Kinect v2's 25. For a skeleton-only checkpoint, too. With texts at test time:
# --cfg-options text_refinement=replace
_base_ = [
    '../mmcl/ctrgcn_hdgraph_ntu120.py',
    '../_base_/zero_shot/ntu120_to_utdmhad_paper.py',
]

joints = dict(type='InterpolateJoints', target='nturgb+d-ctrgcn')
pipeline = [joints, *_base_.test_pipeline[:-1], _base_.pack_target]
test_dataloader = dict(dataset=dict(_delete_=True, pipeline=pipeline, **_base_.target))
test_evaluator = _base_.zero_shot_metric
test_text_file = 'data/utdmhad/text/hidden_states.safetensors'  # for text_refinement
