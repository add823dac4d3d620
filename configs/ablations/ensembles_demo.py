# python tools/ablation.py configs/ablations/ensembles_demo.py --seeds 1 2 3
_base_ = './_base_/ensembles.py'

fill = dict(name='ctrgcn_demo', plain='ctrgcn_demo', hdgraph='ctrgcn_demo')
graph = dict(_delete_=True, type='HDGraph', layout='nturgb+d', center=1, flatten='union')
variants = {
    f'hdgraph_{s}': dict(options={'model.backbone.graph_cfg': graph}) for s in ('joint', 'bone')
}
