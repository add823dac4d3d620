# Backbones and streams, alone and with co-learning; Table 3 of the paper.
# python tools/ablation.py configs/ablations/streams_utdmhad.py --seeds 1 2 3 --only '*_joint'
title = 'Backbones and streams'
backbones = dict(ctrgcn='CTR-GCN', stgcn='ST-GCN')
streams = dict(joint='J', bone='B', joint_motion='JM', bone_motion='BM')
variants = {
    f'{kind}{b}_{s}': dict(
        title=f'{backbone}, {stream}{", MMCL" if kind else ""}',
        config=f'../{"mmcl" if kind else "skeleton"}/{b}_hdgraph_utdmhad.py',
        options=dict(stream=s),
        reference=f'{b}_{s}',
    )
    for b, backbone in backbones.items()
    for s, stream in streams.items()
    for kind in ('', 'mmcl_')
}
