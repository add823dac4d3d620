# Trained on NTU RGB+D 120, tested on UTD-MHAD and SYSU; Table 10 of the paper. A network is
# trained once for all its tests. The texts are those of the target: docs/paper.md.
# python tools/ablation.py configs/ablations/zero_shot_ntu120.py --processes 2
title = 'Zero-shot: NTU RGB+D 120 to UTD-MHAD and SYSU'
targets = dict(utdmhad='UTD-MHAD', sysu='SYSU')

hd_gcn = {
    'model.backbone.type': 'HDGCN',
    'model.backbone.graph_cfg': dict(
        _delete_=True, type='HDGraph', layout='nturgb+d', center=1, flatten=None
    ),
}
rows = dict(
    ctrsgcn=('CTRS-GCN', 'ctrgcn_mmcl110e', {'model.backbone.type': 'CTRSGCN'}),
    ctrgcn=('CTR-GCN', 'ctrgcn_mmcl110e', {}),
    hdgcn=('HD-GCN', 'ctrgcn_mmcl110e', hd_gcn),
    mmcl=('MMCL', 'ctrgcn', {}),
    mmcl_text=('MMCL, refined by text at test time', 'ctrgcn', dict(text_refinement='replace')),
)
variants = {
    f'{name}_{target}': dict(
        title=f'{row}, {title}',
        config=f'../zero_shot/{config}_ntu120_to_{target}.py',
        options=options,
        reference=f'ctrgcn_{target}',
    )
    for target, title in targets.items()
    for name, (row, config, options) in rows.items()
}
