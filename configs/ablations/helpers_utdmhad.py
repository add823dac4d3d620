# Train-only helpers on UTD-MHAD; docs/results.md has one seed of CTR-GCN.
# python tools/ablation.py configs/ablations/helpers_utdmhad.py --seeds 1 2 3
_base_ = './_base_/helpers.py'
fill = dict(data='utdmhad', plain='../skeleton/ctrgcn_utdmhad.py')
