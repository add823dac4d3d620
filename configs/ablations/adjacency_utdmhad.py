# python tools/ablation.py configs/ablations/adjacency_utdmhad.py --seeds 1 2 3
_base_ = './_base_/adjacency.py'

fill = dict(name='ctrgcn_hdgraph_utdmhad', layout='kinect_v1', edges='kinect_v1')
