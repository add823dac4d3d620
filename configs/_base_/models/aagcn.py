# MMAction2's AAGCN on any registered graph; with `gcn_attention=False` it is 2s-AGCN.
model = dict(
    type='SkeletonRecognizer',
    backbone=dict(
        type='AAGCN',
        graph_cfg=dict(type='SkeletonGraph', layout='nturgb+d', mode='mmaction_spatial'),
    ),
    cls_head=dict(type='GCNHead', num_classes=60),
)
