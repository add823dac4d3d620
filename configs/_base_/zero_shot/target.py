# What the tests on another data set share, as variables: `test_dataloader` is the source's.
target = dict(
    type='MappedSkeletonDataset',
    split=None,  # nothing of the target was trained on; a name takes that split alone
    test_mode=True,
)
pack_target = dict(
    type='PackActionInputs',
    collect_keys=('keypoint',),
    meta_keys=('sample_name', 'total_frames', 'target_label'),
)
zero_shot_metric = dict(_delete_=True, type='ZeroShotMetric')
