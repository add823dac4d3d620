# Hyper-GCN, base. The large network and its learning rate: --cfg-options
# model.backbone.inflate_stages="(4,7)" optim_wrapper.optimizer.lr=0.025
model = dict(
    type='SkeletonRecognizer',
    backbone=dict(
        type='HyperGCN',
        graph_cfg=dict(type='SkeletonGraph', layout='nturgb+d', mode='spatial'),
    ),
    cls_head=dict(type='GCNHead', num_classes=60, label_smooth_eps=0.1),
)
