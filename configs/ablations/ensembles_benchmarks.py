# MMCL's six streams on every benchmark of Table 2 of the paper (arXiv 2407.15706), fused with
# fixed weights. One benchmark: --only ntu120_xsub
# python tools/ablation.py configs/ablations/ensembles_benchmarks.py --processes 2
title = 'MMCL, six streams fused'
benchmarks = dict(
    ntu60_xsub='ctrgcn_ntu60',
    ntu60_xview='ctrgcn_ntu60xview',
    ntu120_xsub='ctrgcn_ntu120',
    ntu120_xset='ctrgcn_ntu120xset',
    nwucla='ctrgcn_mmcl110e_nwucla',
)
streams = ('joint', 'bone', 'joint_motion', 'bone_motion', 'hdgraph_joint', 'hdgraph_bone')
hd_graph = dict(_delete_=True, type='HDGraph', center=1, flatten='union')
variants = {
    f'{benchmark}_{s}': dict(
        title=f'{benchmark}, {s}',
        config=f'../mmcl/{config}.py',
        options={
            'stream': s.removeprefix('hdgraph_'),
            **(
                {
                    'model.backbone.graph_cfg': dict(
                        layout='kinect_v1' if benchmark == 'nwucla' else 'nturgb+d', **hd_graph
                    )
                }
                if s.startswith('hdgraph')
                else {}
            ),
        },
        reference=f'{benchmark}_joint',
    )
    for benchmark, config in benchmarks.items()
    for s in streams
}
fused = {
    benchmark: dict(
        title=f'MMCL, {benchmark}',
        streams=[f'{benchmark}_{s}' for s in streams],
        weights='six-way',
        reference=benchmark,
    )
    for benchmark in benchmarks
}
