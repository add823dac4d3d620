# The weight of the alignment, Eq. 10; there is no text here.
# python tools/ablation.py configs/ablations/lambda_utdmhad.py --seeds 1 2 3
title = 'Weight of the alignment'
config = '../mmcl/ctrgcn_hdgraph_utdmhad.py'
reference = 'skeleton'
variants = dict(skeleton=dict(title='skeleton only', config='../skeleton/{name}.py'))
fill = dict(name='ctrgcn_hdgraph_utdmhad')
variants |= {
    f'align{a}': dict(title=f'λ1 = {a}', options={'model.co_learning.loss.alignment_weight': a})
    for a in (0.02, 0.1, 0.5, 1.0)
}
