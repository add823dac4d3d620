# python tools/ablation.py configs/ablations/lambda_ntu120.py --processes 2
_base_ = './_base_/lambda.py'

config = '../mmcl/ctrgcn_ntu120.py'
weights = _base_.weights
variants = {
    'skeleton': dict(title='skeleton only', config='../skeleton/ctrgcn_mmcl110e_ntu120.py'),
    # A row of Table 6 that the grid does not have.
    'align0.3_refine0.1': dict(
        title='λ1 = 0.3, λ2 = 0.1',
        options={weights['alignment']: 0.3, weights['refinement']: 0.1},
    ),
}
