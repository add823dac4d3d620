# CTR-GCN with its own edge list; children set the number of classes.
model = dict(
    type='SkeletonRecognizer',
    backbone=dict(
        type='CTRGCN',
        graph_cfg=dict(type='SkeletonGraph', layout='nturgb+d-ctrgcn', mode='spatial'),
    ),
    cls_head=dict(type='GCNHead', num_classes=60),
)
