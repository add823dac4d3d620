# MMAction2's ST-GCN++ on any registered graph; children set the number of classes.
model = dict(
    type='SkeletonRecognizer',
    backbone=dict(
        type='STGCN',
        gcn_adaptive='init',
        gcn_with_res=True,
        tcn_type='mstcn',
        graph_cfg=dict(type='SkeletonGraph', layout='nturgb+d', mode='mmaction_spatial'),
    ),
    cls_head=dict(type='GCNHead', num_classes=60),
)
