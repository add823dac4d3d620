# The co-learning branch of MMCL (Liu et al., ACM MM 2024, Eq. 3-10), as variables: `model` is
# defined by the skeleton-only configuration, and two bases must not define the same name. A data
# set's file beside this one adds the paths of its images and texts.
custom_imports = dict(imports=['mmcl_ext.mmcl'], allow_failed_imports=False)

co_learning = dict(
    type='CoLearning',
    image_encoder=dict(type='InceptionV3', pretrained='default'),
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
            gather=False,  # as in the paper: negatives of one GPU
        ),
    ),
)

pack_co_learning = dict(
    type='PackActionInputs',
    collect_keys=('keypoint', 'image', 'text'),
    meta_keys=('sample_name', 'total_frames'),
)
co_learning_hooks = dict(
    co_learning_check=dict(type='CoLearningDataCheckHook'),
    refinement_monitor=dict(type='RefinementMonitorHook'),
    strip_checkpoint=dict(type='StripCheckpointHook'),
)
