# python tools/ablation.py configs/ablations/adjacency_ntu120.py --processes 2
_base_ = './_base_/adjacency.py'

fill = dict(name='ctrgcn_hdgraph_ntu120', layout='nturgb+d', edges='nturgb+d-ctrgcn')
