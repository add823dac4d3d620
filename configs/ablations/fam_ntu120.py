# Table 4 of the paper: CTR-GCN and CTRS-GCN on the natural edges.
# python tools/ablation.py configs/ablations/fam_ntu120.py --processes 2
_base_ = './_base_/fam.py'

fill = dict(name='ctrgcn_ntu120', plain='ctrgcn_mmcl110e_ntu120')
ctrsgcn = {'model.backbone.type': 'CTRSGCN'}
variants = {
    f'ctrsgcn_{name}': dict(
        title=f'CTRS-GCN, {variant.title}',
        config=variant.config,
        options={**variant.get('options', {}), **ctrsgcn},
        reference='ctrsgcn_skeleton',
    )
    for name, variant in _base_.variants.items()
}
