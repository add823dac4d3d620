# python tools/ablation.py configs/ablations/lambda_demo.py --seeds 1 2 3
_base_ = './_base_/lambda.py'

config = '../mmcl/ctrgcn_demo.py'
variants = dict(skeleton=dict(title='skeleton only', config='../skeleton/ctrgcn_demo.py'))
