# python tools/ablation.py configs/ablations/frm_demo.py --seeds 1 2 3
_base_ = './_base_/frm.py'

fill = dict(name='ctrgcn_demo', plain='ctrgcn_demo')
