# The image encoder starts from configs/image_encoder/resnet34_utdmhad.py and is trained further.
_base_ = '../../mmcl/ctrgcn_hdgraph_utdmhad.py'

trained = dict(
    type='Pretrained',
    checkpoint='work_dirs/image_encoder/resnet34_utdmhad/epoch_15.pth',
    prefix='image_encoder',
)
model = dict(co_learning=dict(image_encoder=dict(init_cfg=trained)))
