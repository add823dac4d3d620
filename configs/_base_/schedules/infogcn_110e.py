# InfoGCN (Chi et al., CVPR 2022): 110 epochs, 64 samples a step (its README: 128).
# Warm-up: lr * (epoch + 1) / 5 in epochs 0..4; then x0.1 at epochs 90 and 100.
_base_ = './mmcl_110e.py'

optim_wrapper = dict(optimizer=dict(weight_decay=5e-4))
auto_scale_lr = dict(base_batch_size=64)
