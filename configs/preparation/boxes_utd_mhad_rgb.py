# UTD-MHAD's RGB videos: Kinect v1's nominal focal length, not fitted. Set source.videos to the
# folder of the videos: they have fewer frames than the skeletons.
_base_ = './boxes_utd_mhad_depth.py'

source = dict(
    camera=dict(focal=531.15, center=(320.0, 240.0), size=(640, 480), mirrored=True),
    lag=3,
)
