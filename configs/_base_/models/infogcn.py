# InfoGCN with its information bottleneck. Its streams are k, not files: k=1 feeds bones, k=8 joints
# (--cfg-options model.backbone.k=8); leave `stream` at 'joint', or 'joint_motion' for motion.
model = dict(
    type='SkeletonRecognizer',
    backbone=dict(
        type='InfoGCN',
        k=1,
        graph_cfg=dict(type='SkeletonGraph', layout='nturgb+d-ctrgcn', mode='spatial'),
    ),
    cls_head=dict(
        type='InfoGCNHead',
        noise_ratio=0.5,
        label_smooth_eps=0.1,
        loss_mmd=dict(type='LatentMMDLoss', marginal_weight=1e-4, conditional_weight=0.1),
        num_classes=60,
    ),
)
