# Trained on NTU RGB+D 120 on the HD-Graph, tested on SYSU 3D HOI, all 40 subjects, whose 20
# joints become Kinect v2's 25. With texts at test time: --cfg-options text_refinement=replace
_base_ = './ctrgcn_ntu120_to_sysu.py'

graph = dict(_delete_=True, type='HDGraph', layout='nturgb+d', center=1, flatten='union')
model = dict(backbone=dict(graph_cfg=graph))
