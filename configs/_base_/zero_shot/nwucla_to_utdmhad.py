# What UTD-MHAD shares with Northwestern-UCLA, by meaning: 5 of 27 actions.
_base_ = './target.py'

class_map = dict(
    rows=[
        dict(target='throw', source='throw'),
        # A throw follows; with one hand or two is not told apart there.
        dict(target='pickup_throw', source=['pick up with one hand', 'pick up with two hands']),
        dict(target='walk', source='walk around'),  # in place there, around the room here
        dict(target='sit2stand', source='stand up'),
        dict(target='stand2sit', source='sit down'),
    ],
    excluded=[
        *('swipe_left', 'swipe_right', 'wave', 'clap', 'arm_cross', 'basketball_shoot'),
        *('draw_x', 'draw_circle_CW', 'draw_circle_CCW', 'draw_triangle', 'bowling', 'boxing'),
        *('baseball_swing', 'tennis_swing', 'arm_curl', 'tennis_serve', 'push', 'knock'),
        *('catch', 'jog', 'lunge', 'squat'),
    ],
)
target = dict(
    ann_file='data/utdmhad/utdmhad.safetensors', source_classes='nwucla', class_map=class_map
)
