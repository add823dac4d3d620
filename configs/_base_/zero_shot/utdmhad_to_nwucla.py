# What Northwestern-UCLA shares with UTD-MHAD, by meaning: 6 of 10 actions in 5 rows.
_base_ = './target.py'

class_map = dict(
    rows=[
        dict(
            target=['pick up with one hand', 'pick up with two hands'], source='pickup_throw'
        ),  # a throw follows there
        dict(target='walk around', source='walk'),  # in place there
        dict(target='sit down', source='stand2sit'),
        dict(target='stand up', source='sit2stand'),
        dict(target='throw', source='throw'),
    ],
    excluded=['drop trash', 'donning', 'doffing', 'carry'],
)
target = dict(
    ann_file='data/nwucla/nwucla.safetensors', source_classes='utdmhad', class_map=class_map
)
