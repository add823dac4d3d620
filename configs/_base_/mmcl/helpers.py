# Train-only helpers without images and texts of samples, see docs/helpers.md: what their
# configurations add to a skeleton-only one, as variables.
custom_imports = dict(imports=['mmcl_ext.mmcl'], allow_failed_imports=False)
co_learning = dict(type='CoLearning', helpers=[dict(type='FRHead')])
co_learning_hooks = dict(
    co_learning_check=dict(type='CoLearningDataCheckHook'),
    strip_checkpoint=dict(type='StripCheckpointHook'),
)
