r"""Draw docs/prediction.svg, the first test clip of generated people that the network did not see.

Run from the root, in a folder without ``data/demo``::

    python tools/data/make_demo_data.py data/demo --train-subjects 8 --test-subjects 1 \
        --repetitions 2
    python tools/train.py configs/skeleton/ctrgcn_demo.py --seed 1 \
        --work-dir work_dirs/picture --cfg-options train_cfg.val_interval=20
    python docs/draw_prediction.py work_dirs/picture/epoch_20.pth data/demo/skeletons.safetensors
"""

import os
import sys
from pathlib import Path

import matplotlib

os.environ['SOURCE_DATE_EPOCH'] = '0'  # the same picture gives the same bytes
matplotlib.rcParams.update({'svg.hashsalt': 'mmcl_ext', 'svg.fonttype': 'none'})

from mmcl_ext import MMCLInferencer, SkeletonStore  # noqa: E402


def main() -> None:
    """Predict the clip and write the picture beside this file."""
    checkpoint, path = sys.argv[1:]
    store = SkeletonStore(path)
    clip = store.names[store.split('test')[0]]
    inferencer = MMCLInferencer('skeleton/ctrgcn_demo', checkpoint)
    [result] = inferencer(f'{path}::{clip}')
    inferencer.draw(result, Path(__file__).with_name('prediction.svg'))
    print(clip, result.top(3))


if __name__ == '__main__':
    main()
