# Backbones and streams, alone and with co-learning, on the natural edges; Table 3 of the paper,
# which has CTRS-GCN on joints only: --only 'ctrgcn_*' 'mmcl_ctrgcn_*' '*ctrsgcn_joint'
# python tools/ablation.py configs/ablations/streams_ntu120.py --processes 2
title = 'Backbones and streams'
backbones = dict(ctrgcn='CTRGCN', ctrsgcn='CTRSGCN')
streams = dict(joint='J', bone='B', joint_motion='JM', bone_motion='BM')
configs = {'': '../skeleton/ctrgcn_mmcl110e_ntu120.py', 'mmcl_': '../mmcl/ctrgcn_ntu120.py'}
variants = {
    f'{kind}{b}_{s}': dict(
        title=f'{backbone.replace("GCN", "-GCN")}, {stream}{", MMCL" if kind else ""}',
        config=config,
        options={'stream': s, 'model.backbone.type': backbone},
        reference=f'{b}_{s}',
    )
    for b, backbone in backbones.items()
    for s, stream in streams.items()
    for kind, config in configs.items()
}
