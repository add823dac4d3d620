# Train-only helpers on NW-UCLA, with the schedule of docs/protocol.md; no results are recorded yet.
# python tools/ablation.py configs/ablations/helpers_nwucla.py --seeds 1 2 3
_base_ = './_base_/helpers.py'
fill = dict(data='nwucla', plain='./parts/ctrgcn_nwucla_12e.py')
frames = 52  # of the pipeline
fr_head = dict(type='FRHead', num_frames=frames)
helpers = 'model.co_learning.helpers'
variants = {
    f'{net}_{name}': dict(options={helpers: listed})
    for net in ('ctrgcn', 'aagcn', 'ctrsgcn')
    for name, listed in (
        ('fr_head', [fr_head]),
        ('fr_head_texts', [fr_head, _base_.texts]),
        ('features', [dict(type='FeatureContrast', num_frames=frames)]),
    )
}
