# Five frames of NW-UCLA's depth renderings, no text; see docs/datasets/nw_ucla.md.
# Made by: tools/data/make_composites.py nwucla VIDEOS STORE data/nwucla/composites
#          --size 1120 224 --margin 0
_base_ = './co_learning.py'

image_dir = 'data/nwucla/composites'
co_learning = dict(
    # Every tile has the size that the weights were trained with. Frozen: see parts/ below
    # configs/ablations for its cached features.
    image_encoder=dict(
        _delete_=True,
        type='TiledEncoder',
        encoder=dict(type='EfficientNetLite', variant='lite0', pretrained='default'),
        num_tiles=5,
        frozen=True,
    ),
    frm=None,  # no text features
)
pack_co_learning = dict(collect_keys=('keypoint', 'image'))
load_co_learning = [dict(type='LoadCompositeImage', img_dir=image_dir, size=(224, 1120))]
