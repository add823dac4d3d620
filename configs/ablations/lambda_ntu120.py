# python tools/ablation.py configs/ablations/lambda_ntu120.py --seeds 1 2 3
_base_ = './_base_/lambda.py'

config = '../mmcl/ctrgcn_hdgraph_ntu120.py'
variants = dict(skeleton=dict(title='skeleton only', config='../skeleton/ctrgcn_hdgraph_ntu120.py'))
