# Do images help where labels are few? Exploratory arms of docs/protocol.md.
# python tools/ablation.py configs/ablations/few_labels_nwucla.py --seeds 1 2 3
title = 'A quarter and a tenth of the training clips'
config = './parts/ctrgcn_nwucla_few.py'
reference = 'skeleton25'
aligned = './parts/ctrgcn_nwucla_depth_few.py'
distilled = './parts/ctrgcn_nwucla_distilled_few.py'
tenth = {
    'train_dataloader.dataset.ann_file': 'data/nwucla/labels_10.safetensors',
    'train_dataloader.sampler.times': 25,
}
images_of_tenth = tenth | {'image_file': 'data/nwucla/image_features_10.safetensors'}
scores_of_tenth = tenth | {'model.co_learning.helpers.0.file': 'data/nwucla/image_scores_10.pkl'}
shuffle = {'train_dataloader.dataset.pipeline.0.shuffle': True}
shuffle_scores = {'model.co_learning.helpers.0.shuffle': True}
variants = dict(
    skeleton25=dict(title='25 %: skeleton only'),
    images25=dict(title='25 %: images of the same clip', config=aligned),
    shuffled25=dict(title='25 %: images shuffled', config=aligned, options=shuffle),
    distilled25=dict(title='25 %: distilled from image scores', config=distilled),
    distilled_shuffled25=dict(
        title='25 %: scores shuffled within the class', config=distilled, options=shuffle_scores
    ),
    skeleton10=dict(title='10 %: skeleton only', options=tenth),
    images10=dict(title='10 %: images of the same clip', config=aligned, options=images_of_tenth),
    shuffled10=dict(
        title='10 %: images shuffled', config=aligned, options=images_of_tenth | shuffle
    ),
    distilled10=dict(
        title='10 %: distilled from image scores', config=distilled, options=scores_of_tenth
    ),
    distilled_shuffled10=dict(
        title='10 %: scores shuffled within the class',
        config=distilled,
        options=scores_of_tenth | shuffle_scores,
    ),
)
