# HD-GCN; the ensemble's other centres of mass are --cfg-options
# model.backbone.graph_cfg.center=2 and =21.
model = dict(
    type='SkeletonRecognizer',
    backbone=dict(
        type='HDGCN',
        graph_cfg=dict(type='HDGraph', layout='nturgb+d', center=1, flatten=None),
    ),
    cls_head=dict(type='GCNHead', num_classes=60),
)
