# The same with the HD-Graph in place of the backbone's own graph.
_base_ = './stgcn_utdmhad.py'

graph = dict(_delete_=True, type='HDGraph', layout='kinect_v1', center=1, flatten='union')
model = dict(backbone=dict(graph_cfg=graph))
