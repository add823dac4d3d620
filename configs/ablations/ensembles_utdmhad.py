# python tools/ablation.py configs/ablations/ensembles_utdmhad.py --seeds 1 2 3
_base_ = './_base_/ensembles.py'

fill = dict(name='ctrgcn_utdmhad', plain='ctrgcn_utdmhad', hdgraph='ctrgcn_hdgraph_utdmhad')
