# UTD-MHAD's depth maps: skeletons of the store, projected. Camera and lag are fitted to the data.
source = dict(
    type='ProjectedSkeletonBoxes',
    camera=dict(focal=285.63, center=(160.0, 120.0), size=(320, 240)),
    lag=2,
)
batch_size = 64
chunk_size = 512
