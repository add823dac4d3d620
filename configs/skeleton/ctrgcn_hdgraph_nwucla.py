# As ctrgcn_nwucla.py, with the HD-Graph.
_base_ = './ctrgcn_nwucla.py'

graph = dict(_delete_=True, type='HDGraph', layout='kinect_v1', center=1, flatten='union')
model = dict(backbone=dict(graph_cfg=graph))
