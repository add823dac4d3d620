# BlockGCN; --cfg-options model.backbone.topology=False leaves its topology branch out.
model = dict(
    type='SkeletonRecognizer',
    backbone=dict(
        type='BlockGCN',
        graph_cfg=dict(type='SkeletonGraph', layout='nturgb+d', mode='spatial'),
    ),
    cls_head=dict(type='GCNHead', num_classes=60),
)
