# Where the weights of the image encoder come from, on depth composites without text.
# python tools/ablation.py configs/ablations/fam_utdmhad.py --seeds 1 2 3
# The first run trains an encoder on the composites of the training subjects (seed 1, shared by
# all) and caches its features.
title = 'Alignment with depth images (FAM) and its encoder'
config = './parts/ctrgcn_hdgraph_utdmhad_trained.py'
reference = 'skeleton'
encoder = 'work_dirs/image_encoder/resnet34_utdmhad'
train_encoder = dict(
    makes=f'{encoder}/epoch_15.pth',
    command=(
        'train.py',
        'configs/image_encoder/resnet34_utdmhad.py',
        '--work-dir',
        encoder,
        '--resume',
    ),
)
cache_features = dict(
    makes=f'{encoder}/features.safetensors',
    command=(
        'data/extract_image_features.py',
        'configs/mmcl/ctrgcn_hdgraph_utdmhad.py',
        f'{encoder}/features.safetensors',
        '--checkpoint',
        f'{encoder}/epoch_15.pth',
    ),
)
variants = dict(
    skeleton=dict(title='skeleton only', config='../skeleton/ctrgcn_hdgraph_utdmhad.py'),
    scratch=dict(
        title='ResNet-34 from scratch, trained with the backbone',
        config='../mmcl/ctrgcn_hdgraph_utdmhad.py',
    ),
    small=dict(
        title='small CNN from scratch, trained with the backbone',
        config='../mmcl/ctrgcn_hdgraph_utdmhad.py',
        options={'model.co_learning.image_encoder': dict(_delete_=True, type='PlainCNN')},
    ),
    tuned=dict(
        title='ResNet-34 trained on composites, then with the backbone',
        prepare=[train_encoder],
    ),
    frozen=dict(
        title='the same, frozen, features cached',
        config='./parts/ctrgcn_hdgraph_utdmhad_cached.py',
        prepare=[train_encoder, cache_features],
    ),
)
