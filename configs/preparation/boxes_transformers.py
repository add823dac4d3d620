# RT-DETR of transformers; any object detector of transformers takes its place by name.
source = dict(
    type='TransformersPersonBoxes',
    model='PekingU/rtdetr_r50vd',
    threshold=0.5,
    max_persons=2,  # 'ntu' for NTU RGB+D: one or two, by the class
)
batch_size = 4
chunk_size = 64
