# Token ids that the reference implementation's scripts have written: <sample name>.npy, (1, L).
source = dict(type='NpyFeatures', pad=0)
chunk_size = 4096
batch_size = 4096
