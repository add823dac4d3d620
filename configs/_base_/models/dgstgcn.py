# DG-STGCN, whose trained adjacencies start at random; children set the number of classes.
# --cfg-options model.backbone.base_channels=96 gives the network that ProtoGCN and ACLNet deploy.
model = dict(
    type='SkeletonRecognizer',
    backbone=dict(
        type='DGSTGCN',
        graph_cfg=dict(type='SkeletonGraph', layout='nturgb+d', mode='random'),
    ),
    cls_head=dict(type='GCNHead', num_classes=60),
)
