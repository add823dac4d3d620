"""Print hashes of what fixed seeds give: equal hashes before and after a change, equal results.

Run it in the root of a source tree, ``python benchmarks/fixed_seed_hashes.py``; another tree is
run with its own Python and this file. Hashed are the bytes of the losses of three training steps
of the flagship (random weights and inputs), of the losses and test scores of a short training on
generated demo data, and of the logits of that model, exported to ONNX. The numbers belong to one
machine and its versions of the libraries: compare trees on one machine only.
"""

import os

os.environ['OMP_NUM_THREADS'] = '1'  # the order of a sum depends on the number of threads

import argparse
import hashlib
import json
import pickle
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.logging import MMLogger
from mmengine.optim import build_optim_wrapper
from mmengine.registry import init_default_scope

from mmcl_ext.registry import MODELS, TRANSFORMS

FLAGSHIP = 'configs/mmcl/ctrgcn_hdgraph_ntu120.py'
DEMO = 'configs/mmcl/ctrgcn_demo.py'
STEPS, CLIPS, TEXT_CHANNELS, IMAGE_SIZE = 3, 2, 64, 160
DEMO_OPTIONS = (
    'train_dataloader.batch_size=13',
    'train_cfg.max_epochs=2',
    'param_scheduler=[]',
    'default_hooks.logger.interval=1',
    'log_processor.window_size=1',
    'amp=False',
)


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--numbers', action='store_true', help='print the numbers, too')
    parser.add_argument(
        '--plain', action='store_true', help='without fast_training, as trees before it'
    )
    return parser.parse_args()


def flagship_losses(backbone: dict[str, Any]) -> np.ndarray:
    """Losses of training steps: steps x losses, the latter in the order of their names."""
    cfg = Config.fromfile(FLAGSHIP)
    cfg.model.backbone.update(backbone)
    cfg.model.co_learning.image_encoder.pretrained = None
    cfg.model.co_learning.frm.text_channels = TEXT_CHANNELS
    torch.manual_seed(0)
    model = MODELS.build(cfg.model)
    model.init_weights()
    model.train()
    optimizer = build_optim_wrapper(model, cfg.optim_wrapper)
    batches = [_batch(seed) for seed in range(STEPS)]
    losses = [model.train_step(batch, optimizer) for batch in batches]
    return np.array([[step[name].item() for name in sorted(step)] for step in losses])


def _batch(seed: int) -> Any:
    """Random clips, images and texts, packed as a pipeline packs them."""
    rng = np.random.default_rng(seed)
    keys = ('keypoint', 'image', 'text')
    pack = TRANSFORMS.build(dict(type='PackActionInputs', collect_keys=keys, meta_keys=()))
    samples = [
        pack(
            dict(
                keypoint=rng.normal(size=(1, 2, 64, 25, 3)).astype(np.float32),
                image=torch.from_numpy(
                    rng.integers(256, size=(3, IMAGE_SIZE, IMAGE_SIZE), dtype=np.uint8)
                ),
                text=torch.from_numpy(rng.normal(size=TEXT_CHANNELS).astype(np.float32)),
                label=int(rng.integers(120)),
            )
        )
        for _ in range(CLIPS)
    ]
    return pseudo_collate(samples)


def demo(folder: Path, options: tuple[str, ...]) -> dict[str, np.ndarray]:
    """Train, test and export the demo, and return losses, scores and logits."""
    data, work, out = folder / 'data', folder / 'train', folder / 'model.onnx'
    small = ('--train-subjects', '2', '--test-subjects', '1', '--repetitions', '1')
    _tool('data/make_demo_data.py', data, *small, '--jobs', '1', '--quiet')
    moved = folder / 'config.py'
    moved.write_text(_with_data(Config.fromfile(DEMO).pretty_text, data))
    words = ('--work-dir', work, '--no-validate', '--seed', '1')
    _tool('train.py', moved, *words, '--cfg-options', *DEMO_OPTIONS, *options)
    (checkpoint,) = work.glob('epoch_2_skeleton.pth')
    dump = folder / 'predictions.pkl'
    _tool('test.py', moved, checkpoint, '--work-dir', folder / 'test', '--dump', dump)
    _tool('deploy/export.py', moved, checkpoint, out)
    return {
        'demo losses': _logged_losses(work),
        'demo scores': np.stack([p['pred_score'].numpy() for p in pickle.loads(dump.read_bytes())]),
        'ONNX logits': _onnx_logits(out),
    }


def _tool(name: str, *arguments: Any) -> None:
    command = [sys.executable, str(Path('tools', name)), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f'error: {name} failed\n{done.stdout[-2000:]}{done.stderr[-4000:]}')


def _with_data(text: str, data: Path) -> str:
    return text.replace('data/demo/', f'{data}/')


def _logged_losses(work: Path) -> np.ndarray:
    (log,) = work.glob('*/vis_data/scalars.json')
    steps = [json.loads(line) for line in log.read_text().splitlines()]
    names = sorted(key for key in steps[0] if 'loss' in key)
    return np.array([[step[name] for name in names] for step in steps])


def _onnx_logits(path: Path) -> np.ndarray:
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=['CPUExecutionProvider'])
    persons, slots, members = session.get_inputs()  # one person a clip, in its first slot
    shape = (CLIPS, *persons.shape[1:])
    inputs = {
        persons.name: np.random.default_rng(0).normal(size=shape).astype(np.float32),
        slots.name: np.zeros(CLIPS, np.int64),
        members.name: np.eye(CLIPS, dtype=np.float32),
    }
    return session.run(None, inputs)[0]


def main() -> None:
    args = parse_args()
    init_default_scope('mmcl_ext')
    MMLogger.get_instance('hashes', log_level='ERROR')
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        backbone = dict(fast_training=False) if args.plain else {}
        options = tuple(f'model.backbone.{key}={value}' for key, value in backbone.items())
        found = {'flagship losses': flagship_losses(backbone), **demo(Path(folder), options)}
    for name, values in found.items():
        digest = hashlib.sha256(np.ascontiguousarray(values).tobytes()).hexdigest()
        print(f'{name:16} {values.shape!s:10} {digest}')
        if args.numbers:
            print(values)


if __name__ == '__main__':
    main()
