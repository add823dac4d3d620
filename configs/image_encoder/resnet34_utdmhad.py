# The image encoder alone, trained to classify the composites of the training subjects; the
# composites of the test subjects are not read. On to co-learning: configs/ablations/fam_utdmhad.py
_base_ = [
    '../_base_/datasets/utdmhad.py',
    '../_base_/mmcl/utdmhad.py',
    '../_base_/default_runtime.py',
]

stream = None  # no skeleton is read by the model
model = dict(
    type='ImageClassifier',
    image_encoder=_base_.co_learning.image_encoder,
    cls_head=dict(
        type='GCNHead',
        num_classes=27,
        dropout=0.5,
        init_cfg=dict(type='Normal', layer='Linear', std=0.01),
    ),
)
pipeline = [
    *_base_.load_co_learning,
    dict(type='JitterImage'),
    dict(type='PackActionInputs', collect_keys=('image',), meta_keys=('sample_name',)),
]
train_dataloader = dict(drop_last=True, dataset=dict(pipeline=pipeline))

train_cfg = dict(type='ResumableTrainLoop', max_epochs=15)
optim_wrapper = dict(optimizer=dict(type='AdamW', lr=1e-3, weight_decay=0.05))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.2, by_epoch=True, begin=0, end=2),
    dict(type='CosineAnnealingLR', eta_min=1e-5, by_epoch=True, begin=2, end=15),
]
default_hooks = dict(
    checkpoint=dict(max_keep_ckpts=1),
    # The images are what has to be there.
    data_check=dict(_delete_=True, type='CoLearningDataCheckHook'),
)

# Nothing is validated or tested: the result is the encoder.
val_dataloader = None
val_evaluator = None
test_dataloader = None
test_evaluator = None
