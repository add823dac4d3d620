# python tools/ablation.py configs/ablations/adjacency_demo.py --seeds 1 2 3
_base_ = './_base_/adjacency.py'

fill = dict(name='ctrgcn_demo', layout='nturgb+d', edges='nturgb+d-ctrgcn')
