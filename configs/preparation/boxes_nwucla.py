# NW-UCLA's RGB images: Kinect v1's nominal focal length. Not fitted, no image was at hand: look
# at a few boxes first; mirrored=True turns them around.
_base_ = './boxes_utdmhad_depth.py'

source = dict(
    camera=dict(_delete_=True, focal=531.15, center=(320.0, 240.0), size=(640, 480)),
    lag=0,
)
