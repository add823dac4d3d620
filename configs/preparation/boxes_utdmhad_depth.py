# UTD-MHAD's depth maps: skeletons of the store, projected. Camera and lag are fitted to the data.
source = dict(
    type='ProjectedSkeletonBoxes',
    camera='utdmhad_depth',
    lag=2,
)
batch_size = 64
chunk_size = 512
