# The six actions of UTD-MHAD that MMCL's authors test zero-shot (Section 3.5, Table 10):
# 191 sequences of all eight subjects.
_base_ = './target.py'

class_map = dict(
    rows=[
        dict(target='wave', source='hand waving'),
        dict(target='arm_cross', source='cross arms'),
        dict(target='basketball_shoot', source='shoot at the basket'),
        dict(target='sit2stand', source='standing up (from sitting position)'),
        dict(target='stand2sit', source='sitting down'),
        dict(target='squat', source='squat down'),
    ],
    excluded=[
        *('swipe_left', 'swipe_right', 'clap', 'throw', 'draw_x', 'draw_circle_CW'),
        *('draw_circle_CCW', 'draw_triangle', 'bowling', 'boxing', 'baseball_swing'),
        *('tennis_swing', 'arm_curl', 'tennis_serve', 'push', 'knock', 'catch'),
        *('pickup_throw', 'jog', 'walk', 'lunge'),
    ],
)
target = dict(
    ann_file='data/utdmhad/utdmhad.safetensors', source_classes='ntu120', class_map=class_map
)
