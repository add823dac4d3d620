# python tools/ablation.py configs/ablations/fam_ntu120.py --processes 2
_base_ = './_base_/fam.py'

fill = dict(name='ctrgcn_hdgraph_ntu120')
