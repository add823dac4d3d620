# Is the batch too small for the contrastive loss, or is it the loss? Each batch size has its own
# skeleton-only run, since fewer steps alone change the result.
# python tools/ablation.py configs/ablations/contrastive_utdmhad.py --seeds 1 2 3
title = 'Contrastive loss: samples a step, negatives, temperature'
config = '../mmcl/ctrgcn_hdgraph_utdmhad.py'
reference = 'skeleton_batch16'
loss = 'model.co_learning.loss.contrastive'
variants = {
    f'{kind}_batch{n}': dict(
        title=f'{model}, {n} samples a step',
        config=f'../{folder}/ctrgcn_hdgraph_utdmhad.py',
        options={'train_dataloader.batch_size': n},
        reference=f'skeleton_batch{n}',
    )
    for n in (16, 32, 64)
    for kind, folder, model in (
        ('skeleton', 'skeleton', 'skeleton only'),
        ('mmcl', 'mmcl', 'alignment'),
    )
}
variants |= dict(
    paper=dict(title="alignment, negatives='paper'", options={f'{loss}.negatives': 'paper'}),
    temperature01=dict(title='alignment, τ = 0.1', options={f'{loss}.temperature': 0.1}),
    temperature1=dict(title='alignment, τ = 1', options={f'{loss}.temperature': 1.0}),
)
