# RTMDet of MMDetection (requirements/detect.txt), in the place of the paper's YOLOv5.
source = dict(
    type='MMDetPersonBoxes',
    config='rtmdet_m_8xb32-300e_coco',
    checkpoint='published',
    threshold=0.5,
    max_persons=2,  # 'ntu' for NTU RGB+D: one or two, by the class
)
batch_size = 4
chunk_size = 64
