# Four streams without and with co-learning, and with two HD-Graph streams besides, fused with
# fixed weights; Table 8 of the paper (arXiv 2407.15706). Children name the configurations in
# `fill`: `plain` and `name` on the natural edges, `hdgraph`.
title = 'Fused streams: co-learning and the HD-Graph'
streams = dict(joint='J', bone='B', joint_motion='JM', bone_motion='BM')
variants = {
    f'{system}_{s}': dict(
        title=f'{label}, {stream}', config=config, options=dict(stream=s), reference=f'plain_{s}'
    )
    for system, label, config in (
        ('plain', 'skeleton only', '../skeleton/{plain}.py'),
        ('mmcl', 'MMCL', '../mmcl/{name}.py'),
    )
    for s, stream in streams.items()
}
variants |= {
    f'hdgraph_{s}': dict(
        title=f'MMCL on the HD-Graph, {streams[s]}',
        config='../mmcl/{hdgraph}.py',
        options=dict(stream=s),
        reference=f'mmcl_{s}',
    )
    for s in ('joint', 'bone')
}
four = [f'mmcl_{s}' for s in streams]
fused = dict(
    plain=dict(
        title='skeleton only, natural edges, J B JM BM',
        streams=[f'plain_{s}' for s in streams],
        weights='four-stream',
    ),
    mmcl=dict(title='MMCL, natural edges, J B JM BM', streams=four, weights='four-stream'),
    mmcl_hdgraph=dict(
        title='MMCL, the same and J B on the HD-Graph',
        streams=[*four, 'hdgraph_joint', 'hdgraph_bone'],
        weights='six-way',
    ),
)
