# The networks beside CTR-GCN on NW-UCLA, all with its short schedule and the same seeds.
# python tools/ablation.py configs/ablations/networks_nwucla.py --seeds 1 2 3
title = 'Networks on NW-UCLA, 15 epochs'
config = '../skeleton/ctrgcn_15e_nwucla.py'
reference = 'ctrgcn'
variants = dict(
    ctrgcn=dict(title='CTR-GCN'),
    dgstgcn=dict(
        title='DG-STGCN',
        options={
            'model.backbone': dict(
                _delete_=True,
                type='DGSTGCN',
                graph_cfg=dict(type='SkeletonGraph', layout='kinect_v1', mode='random'),
                num_person=1,
            )
        },
    ),
    hypergcn=dict(title='Hyper-GCN', options={'model.backbone.type': 'HyperGCN'}),
    blockgcn=dict(title='BlockGCN', options={'model.backbone.type': 'BlockGCN'}),
    blockgcn_plain=dict(
        title='BlockGCN without topology',
        options={'model.backbone.type': 'BlockGCN', 'model.backbone.topology': False},
    ),
    lagcn=dict(title='LA-GCN', options={'model.backbone.type': 'LAGCN'}),
)
