# The weight and the temperature of alignment, chosen on the training views: docs/protocol.md.
# python tools/ablation.py configs/ablations/images_nwucla_pilot.py --seeds 1 2
title = 'Alignment with depth renderings: choice on the training views'
config = './parts/ctrgcn_nwucla_depth_view1.py'
reference = 'skeleton'
weight = 'model.co_learning.loss.alignment_weight'
temperature = 'model.co_learning.loss.contrastive.temperature'
shuffle_scores = {'model.co_learning.helpers.0.shuffle': True}
variants = dict(
    skeleton=dict(title='(a) skeleton only', config='./parts/ctrgcn_nwucla_view1.py'),
    images=dict(title='(b) λ1 = 0.1, τ = 0.4'),
    weight002=dict(title='(b) λ1 = 0.02', options={weight: 0.02}),
    weight05=dict(title='(b) λ1 = 0.5', options={weight: 0.5}),
    temperature01=dict(title='(b) τ = 0.1', options={temperature: 0.1}),
    temperature1=dict(title='(b) τ = 1', options={temperature: 1.0}),
    # Exploratory; they decide nothing.
    distilled=dict(
        title='(j) distilled from image scores',
        config='./parts/ctrgcn_nwucla_distilled_view1.py',
    ),
    distilled_shuffled=dict(
        title='(j) scores shuffled within the class',
        config='./parts/ctrgcn_nwucla_distilled_view1.py',
        options=shuffle_scores,
    ),
)
