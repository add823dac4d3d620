# YOLOX of MMDetection.
_base_ = './boxes_rtmdet.py'

source = dict(config='yolox_s_8xb8-300e_coco')
