# Samples as PYSKL's networks and those of ProtoGCN, ACLNet and SkeletonAgent get them: 100 frames
# spread over the whole sequence, in a test ten clips of them. ProtoGCN flips (no mirror image: x
# keeps its sign), some of its configurations drop a limb. A stream besides `stream`: `k_bone`.
# With p_interval=(1, 1) a test has PYSKL's frames; without, MMAction2's. Clips of sequences that
# are too short begin at even distances, as in PYSKL; ProtoGCN draws where they begin.
uniform_train = [
    dict(type='AlignSkeleton', align_spine=False),
    dict(type='RandomRotation', theta=0.2),
    dict(type='RandomMirror', prob=0.5, negate=False),
    dict(type='RandomPartDrop', prob=0.2, together=True),
    dict(type='SkeletonStream', stream='joint'),
    dict(type='UniformSample', clip_len=100),
]
uniform_val = [
    dict(type='AlignSkeleton', align_spine=False),
    dict(type='SkeletonStream', stream='joint'),
    dict(type='UniformSample', clip_len=100, test_mode=True, p_interval=(1, 1)),
]
uniform_test = [
    *uniform_val[:-1],
    dict(type='UniformSample', clip_len=100, num_clips=10, test_mode=True, p_interval=(1, 1)),
]
