# UTD-MHAD's RGB videos: Kinect v1's nominal focal length, not fitted. Set source.videos to the
# folder of the videos: they have fewer frames than the skeletons.
_base_ = './boxes_utdmhad_depth.py'

source = dict(camera='utdmhad_rgb', lag=3)
