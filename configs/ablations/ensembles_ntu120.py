# python tools/ablation.py configs/ablations/ensembles_ntu120.py --processes 2
_base_ = './_base_/ensembles.py'

fill = dict(name='ctrgcn_ntu120', plain='ctrgcn_mmcl110e_ntu120', hdgraph='ctrgcn_hdgraph_ntu120')
