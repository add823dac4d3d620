# python tools/ablation.py configs/ablations/parts_ntu120.py --processes 2
_base_ = './_base_/parts.py'

fill = dict(name='ctrgcn_ntu120', plain='ctrgcn_mmcl110e_ntu120')
