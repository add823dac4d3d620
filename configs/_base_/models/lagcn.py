# The network of LA-GCN, which its authors train with logits from language besides.
model = dict(
    type='SkeletonRecognizer',
    backbone=dict(
        type='LAGCN',
        graph_cfg=dict(type='SkeletonGraph', layout='nturgb+d-ctrgcn', mode='spatial'),
    ),
    cls_head=dict(type='GCNHead', num_classes=60),
)
