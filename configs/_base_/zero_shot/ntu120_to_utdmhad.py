# All actions of UTD-MHAD that NTU RGB+D 120 knows, by meaning; 12 of 27.
_base_ = './target.py'

class_map = dict(
    rows=[
        dict(target='wave', source='hand waving'),
        dict(target='clap', source='clapping'),
        dict(target='throw', source='throw'),
        # 'cross hands in front (say stop)' ends in the same pose.
        dict(target='arm_cross', source=['cross arms', 'cross hands in front (say stop)']),
        dict(target='basketball_shoot', source='shoot at the basket'),
        # NTU does not tell strokes apart.
        dict(target=['tennis_swing', 'tennis_serve'], source='tennis bat swing'),
        dict(target='pickup_throw', source='pickup'),  # a throw follows
        dict(target='jog', source='running on the spot'),
        dict(target='sit2stand', source='standing up (from sitting position)'),
        dict(target='stand2sit', source='sitting down'),
        dict(target='squat', source='squat down'),
    ],
    # NTU's punching and pushing are done to another person.
    excluded=[
        *('swipe_left', 'swipe_right', 'draw_x', 'draw_circle_CW', 'draw_circle_CCW'),
        *('draw_triangle', 'bowling', 'boxing', 'baseball_swing', 'arm_curl', 'push'),
        *('knock', 'catch', 'walk', 'lunge'),
    ],
)
target = dict(
    ann_file='data/utdmhad/utdmhad.safetensors', source_classes='ntu120', class_map=class_map
)
