# Which part helps? python tools/ablation.py configs/ablations/parts_demo.py --seeds 1 2 3
_base_ = './_base_/parts.py'

fill = dict(name='ctrgcn_demo', plain='ctrgcn_demo')
