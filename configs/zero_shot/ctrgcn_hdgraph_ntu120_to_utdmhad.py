# Trained on NTU RGB+D 120 on the HD-Graph, tested on six actions of UTD-MHAD, whose 20 joints
# become Kinect v2's 25. For a skeleton-only checkpoint, too. With texts at test time:
# --cfg-options text_refinement=replace
_base_ = './ctrgcn_ntu120_to_utdmhad.py'

graph = dict(_delete_=True, type='HDGraph', layout='nturgb+d', center=1, flatten='union')
model = dict(backbone=dict(graph_cfg=graph))
