# The co-learning branch of MMCL (Liu et al., ACM MM 2024, Eq. 3-10). It is in no base of the
# skeleton-only configurations: a child takes these variables through `_base_.`.
custom_imports = dict(imports=['mmcl_ext.mmcl'], allow_failed_imports=False)

inception_url = 'https://download.pytorch.org/models/inception_v3_google-0cc3c7bd.pth'
co_learning = dict(
    type='CoLearning',
    image_encoder=dict(
        type='InceptionV3',
        init_cfg=dict(type='Pretrained', checkpoint=inception_url),
    ),
    fam=dict(type='FAM'),
    frm=dict(type='FRM'),
    loss=dict(
        type='MMCLLoss',
        alignment_weight=0.1,  # lambda_1
        refinement_weight=0.2,  # lambda_2
        contrastive=dict(
            type='ContrastiveLoss',
            negatives='grace',
            temperature=0.4,
            gather=False,  # the paper: negatives of one GPU
        ),
    ),
)
co_learning_preprocessor = dict(type='MMCLDataPreprocessor')

pack_co_learning = dict(
    type='PackActionInputs',
    collect_keys=('keypoint', 'image', 'text'),
    meta_keys=('sample_name', 'total_frames'),
)
co_learning_hooks = dict(
    co_learning_check=dict(type='CoLearningDataCheckHook'),
    strip_checkpoint=dict(type='StripCheckpointHook'),
)
