# NTU RGB+D: joints in the colour image, of the .skeleton files. No network, no weights.
source = dict(type='NTUSkeletonBoxes', max_persons='ntu')
batch_size = 64
chunk_size = 512
