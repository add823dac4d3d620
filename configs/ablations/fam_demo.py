# Alignment without text and its encoder; both encoders start from random weights.
# python tools/ablation.py configs/ablations/fam_demo.py --seeds 1 2 3
title = 'Alignment with images (FAM) and its encoder'
config = './parts/ctrgcn_demo_fam.py'
reference = 'skeleton'
resnet34 = dict(_delete_=True, type='ImageEncoder', backbone=dict(type='mmaction.ResNet', depth=34))
variants = dict(
    skeleton=dict(title='skeleton only', config='../skeleton/ctrgcn_demo.py'),
    small=dict(title='FAM, small CNN'),
    resnet34=dict(title='FAM, ResNet-34', options={'model.co_learning.image_encoder': resnet34}),
)
