# Where the images and texts of NTU RGB+D 120 lie; one composite image per sample name.
load_co_learning = [
    dict(type='LoadCompositeImage', data_root='data/ntu120/composites'),
    dict(type='LoadTextFeature', feature_file='data/ntu120/text_features.safetensors'),
]
