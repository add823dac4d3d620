# One composite image per sample of UTD-MHAD, from depth maps (or RGB videos), no text.
# Made by: tools/data/make_composites.py utdmhad SOURCE STORE data/utdmhad/composites
_base_ = './co_learning.py'

image_dir = 'data/utdmhad/composites'
co_learning = dict(
    # The paper's Inception-V3 at 299 pixels would take hours on a CPU. ResNet-34 is the other
    # encoder of its Table 4. Random weights: none are public for depth images, and the run
    # needs no download. With ImageNet weights: co_learning.image_encoder.pretrained='default'.
    image_encoder=dict(
        _delete_=True, type='ImageEncoder', backbone=dict(type='mmaction.ResNet', depth=34)
    ),
    frm=None,  # no text features
)
pack_co_learning = dict(collect_keys=('keypoint', 'image'))
# Height, width: five tiles of 32 x 96 pixels. Persons regain their natural proportions, and
# the encoder's last feature map has one column per tile.
load_co_learning = [dict(type='LoadCompositeImage', img_dir=image_dir, size=(96, 160))]
