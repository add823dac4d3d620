default_scope = 'mmcl_ext'

# A dict, not a list: children add or change one hook without repeating the others.
default_hooks = dict(
    runtime_info=dict(type='RuntimeInfoHook'),
    timer=dict(type='IterTimerHook'),
    logger=dict(type='LoggerHook', interval=50, ignore_last=False),
    param_scheduler=dict(type='ParamSchedulerHook'),
    checkpoint=dict(
        type='CheckpointHook',
        interval=1,
        max_keep_ckpts=3,
        backend_args=dict(backend='atomic_local'),  # a killed run leaves no half-written file
    ),
    sampler_seed=dict(type='DistSamplerSeedHook'),
    sync_buffers=dict(type='SyncBuffersHook'),
    augmentation_seed=dict(type='AugmentationSeedHook'),
    random_state=dict(type='RandomStateHook'),
    data_check=dict(type='DataCheckHook'),
    visualization=dict(type='PredictionImageHook'),  # idle without --show or --show-dir
)

env_cfg = dict(
    cudnn_benchmark=False,
    mp_cfg=dict(mp_start_method='fork', opencv_num_threads=0),
    dist_cfg=dict(backend='nccl'),  # without CUDA the launcher takes gloo
)

log_processor = dict(type='LogProcessor', window_size=20, by_epoch=True)
vis_backends = [dict(type='LocalVisBackend')]
visualizer = dict(type='ActionVisualizer', vis_backends=vis_backends)

randomness = dict(seed=1, diff_rank_seed=False, deterministic=False)
log_level = 'INFO'
load_from = None
resume = False
