# Train-only helpers, each alone and two together, crossed with backbones, see docs/helpers.md.
# Children name the data in `fill`; tools/data/extract_class_texts.py makes the texts, and
# tools/ensemble.py the scores of a teacher on the training split.
title = 'Train-only helpers and backbones'
config = './parts/ctrgcn_{data}_helpers.py'
reference = 'ctrgcn_plain'
fr_head = dict(type='FRHead')
texts = dict(type='ClassTextAlignment', file='data/{data}/class_texts.safetensors')
helpers = dict(
    fr_head=('FR-Head', [fr_head]),
    texts=('class texts', [texts]),
    joints=(
        'joint constraint',
        [dict(type='JointConstraint', table='data/{data}/class_joints.safetensors')],
    ),
    features=('feature contrast', [dict(type='FeatureContrast')]),
    prototypes=('topology prototypes', [dict(type='TopologyPrototypes')]),
    graphs=('graph contrast', [dict(type='GraphContrast')]),
    distillation=(
        'distillation',
        [dict(type='ScoreDistillation', file='data/{data}/teacher.pkl', weight=0.5)],
    ),
    fr_head_texts=('FR-Head and class texts', [fr_head, texts]),
)
of_topologies = ('prototypes', 'graphs')
networks = dict(ctrgcn='CTRGCN', aagcn='AAGCN', ctrsgcn='CTRSGCN')
variants = {
    f'{net}_plain': dict(
        title=f'{kind}, skeleton only',
        config='{plain}',
        options={'model.backbone.type': kind},
        reference=f'{net}_plain',
    )
    for net, kind in networks.items()
}
variants |= {
    f'{net}_{name}': dict(
        title=f'{kind}, {title_of}',
        options={'model.backbone.type': kind, 'model.co_learning.helpers': listed},
        reference=f'{net}_plain',
    )
    for net, kind in networks.items()
    for name, (title_of, listed) in helpers.items()
    if not (net == 'ctrsgcn' and name in of_topologies)
}
