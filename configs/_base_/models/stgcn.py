# MMAction2's ST-GCN on any registered graph; children set the number of classes.
model = dict(
    type='SkeletonRecognizer',
    backbone=dict(
        type='STGCN',
        graph_cfg=dict(type='SkeletonGraph', layout='nturgb+d', mode='stgcn_spatial'),
    ),
    cls_head=dict(type='GCNHead', num_classes=60),
)
