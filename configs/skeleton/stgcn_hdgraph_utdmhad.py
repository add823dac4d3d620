# As ctrgcn_hdgraph_utdmhad.py, with ST-GCN.
_base_ = './ctrgcn_hdgraph_utdmhad.py'

model = dict(backbone=dict(type='STGCN'))
