# Does co-learning help, and do the images? The arms of docs/protocol.md, fixed before the runs.
# python tools/ablation.py configs/ablations/images_nwucla.py --seeds 1 2 3 4 5
title = 'Alignment with depth renderings and its controls'
config = './parts/ctrgcn_nwucla_depth_cached.py'
reference = 'skeleton'
variants = dict(
    skeleton=dict(title='(a) skeleton only', config='./parts/ctrgcn_nwucla_12e.py'),
    images=dict(title='(b) images of the same clip'),
    shuffled=dict(
        title='(c) images shuffled over all training clips',
        options={'train_dataloader.dataset.pipeline.0.shuffle': True},
    ),
    # What lambda_1 = 0.1 adds to the weight of the loss.
    heavier=dict(
        title='(e) skeleton only, loss x 1.1',
        config='./parts/ctrgcn_nwucla_12e.py',
        options={'model.cls_head.loss_cls': dict(type='CrossEntropyLoss', loss_weight=1.1)},
    ),
)
