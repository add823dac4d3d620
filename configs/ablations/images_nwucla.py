# Does co-learning help, and do the images? The arms of docs/protocol.md, fixed before the runs.
# python tools/ablation.py configs/ablations/images_nwucla.py --seeds 1 2 3 4 5 \
#     --only skeleton images shuffled heavier
title = 'Alignment with depth renderings and its controls'
config = './parts/ctrgcn_nwucla_depth_cached.py'
reference = 'skeleton'
shuffle = {'train_dataloader.dataset.pipeline.0.shuffle': True}
within = {'train_dataloader.dataset.pipeline.0.shuffle_within': 'data/nwucla/nwucla.safetensors'}
paper = {'model.co_learning.loss.contrastive.negatives': 'paper'}
variants = dict(
    skeleton=dict(title='(a) skeleton only', config='./parts/ctrgcn_nwucla_12e.py'),
    images=dict(title='(b) images of the same clip'),
    shuffled=dict(
        title='(c) images shuffled over all training clips',
        options=shuffle,
    ),
    # What lambda_1 = 0.02 adds to the weight of the loss.
    heavier=dict(
        title='(e) skeleton only, loss x 1.02',
        config='./parts/ctrgcn_nwucla_12e.py',
        options={'model.cls_head.loss_cls': dict(type='CrossEntropyLoss', loss_weight=1.02)},
    ),
    # Exploratory.
    same_class=dict(title='(d) images shuffled within the class', options=shuffle | within),
    uniformity=dict(
        title='(f) no images, negatives within the view alone',
        config='./parts/ctrgcn_nwucla_uniformity.py',
    ),
    paper=dict(title="(g) negatives='paper', same clip", options=paper),
    paper_shuffled=dict(title="(g) negatives='paper', shuffled", options=paper | shuffle),
    projection=dict(
        title='(h) projection head on the skeleton side',
        options={'model.co_learning.fam.project_skeleton': True},
    ),
    class_positives=dict(
        title='(i) all images of the class as positives',
        options={'model.co_learning.loss.contrastive.positives': 'class'},
    ),
    distilled=dict(
        title='(j) distilled from image scores',
        config='./parts/ctrgcn_nwucla_distilled.py',
    ),
    distilled_shuffled=dict(
        title='(j) scores shuffled within the class',
        config='./parts/ctrgcn_nwucla_distilled.py',
        options={'model.co_learning.helpers.0.shuffle': True},
    ),
    objects=dict(
        title='(k) refined by the objects of the same clip',
        config='./parts/ctrgcn_nwucla_objects.py',
    ),
    objects_shuffled=dict(
        title='(k) objects shuffled over all training clips',
        config='./parts/ctrgcn_nwucla_objects.py',
        options=shuffle,
    ),
    object_sentences=dict(
        title='(k) refined by a sentence that names the objects',
        config='./parts/ctrgcn_nwucla_objects.py',
        options={'text_file': 'data/nwucla/objects/hidden_states.safetensors'},
    ),
    # What lambda_2 = 0.2 adds to the weight of the loss.
    heavier_refined=dict(
        title='(k) skeleton only, loss x 1.2',
        config='./parts/ctrgcn_nwucla_12e.py',
        options={'model.cls_head.loss_cls': dict(type='CrossEntropyLoss', loss_weight=1.2)},
    ),
)
