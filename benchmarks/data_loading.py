"""Samples per second and process: our data path beside MMAction2's, in one run.

Sequences have the lengths and person counts of NTU RGB+D and random coordinates, as
float16 in both files. The variants take turns, so that a busy machine slows all alike;
the best round of each counts. Prints samples per second and the ratio to MMAction2's chain.
"""

import argparse
import pickle
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from mmaction.datasets import PoseDataset
from mmengine.dataset import BaseDataset
from mmengine.registry import init_default_scope

import mmcl_ext
from mmcl_ext.datasets import SkeletonDataset
from mmcl_ext.datasets.converters.pickle_file import convert_pickle

PACK = dict(
    type='PackActionInputs', collect_keys=('keypoint',), meta_keys=('frame_dir', 'sample_name')
)


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--num-samples', type=int, default=2000, help='sequences in the files')
    parser.add_argument('--draws', type=int, default=500, help='items read per variant and round')
    parser.add_argument(
        '--clock',
        choices=('wall', 'cpu'),
        default='wall',
        help="cpu counts the process's own time, for machines that run other work",
    )
    parser.add_argument('--rounds', type=int, default=7, help='the best of these counts')
    return parser.parse_args()


def write_files(folder: Path, num_samples: int) -> tuple[str, str]:
    """Write the same sequences as a pickle of PYSKL's layout and as a store."""
    rng = np.random.default_rng(0)
    lengths = np.clip(rng.gamma(8, 11, num_samples).astype(int), 30, 300)
    persons = 1 + (rng.random(num_samples) < 0.2)
    annotations = [
        dict(
            frame_dir=f'clip{i}',
            label=i % 120,
            total_frames=int(T),
            keypoint=rng.normal(size=(M, T, 25, 3)).astype(np.float16),
        )
        for i, (M, T) in enumerate(zip(persons, lengths, strict=True))
    ]
    split = dict(train=[annotation['frame_dir'] for annotation in annotations])
    pickled, store = folder / 'ntu.pkl', folder / 'ntu.safetensors'
    pickled.write_bytes(pickle.dumps(dict(split=split, annotations=annotations)))
    classes = [f'A{i + 1}' for i in range(120)]
    convert_pickle(pickled, store, classes=classes, processes=1, progress=False)
    return str(pickled), str(store)


def our_pipeline(window: int) -> list[dict]:
    return [
        dict(type='CenterSkeleton'),
        dict(type='ValidCropResize', window=window, p_interval=(0.5, 1.0)),
        dict(type='RandomRotation', theta=0.3),
        dict(type='SkeletonStream', stream='bone'),
        dict(type='FormatSkeleton', num_person=2),
        PACK,
    ]


def our_pyskl_pipeline(normalize: bool) -> list[dict]:
    """Return our transforms that give what MMAction2's chain gives."""
    return [
        *([dict(type='AlignSkeleton')] if normalize else []),
        dict(type='SkeletonStream', stream='bone'),
        dict(type='UniformSample', clip_len=100),
        dict(type='FormatSkeleton', num_person=2),
        PACK,
    ]


def mmaction_pipeline(normalize: bool) -> list[dict]:
    return [
        *([dict(type='PreNormalize3D')] if normalize else []),
        dict(type='GenSkeFeat', dataset='nturgb+d', feats=['b']),
        dict(type='UniformSampleFrames', clip_len=100),
        dict(type='PoseDecode'),
        dict(type='FormatGCNInput', num_person=2),
        PACK,
    ]


def datasets(pickled: str, store: str) -> dict[str, BaseDataset]:
    def theirs(normalize: bool) -> PoseDataset:
        return PoseDataset(pickled, mmaction_pipeline(normalize), split='train')

    def ours(pipeline: list[dict]) -> SkeletonDataset:
        return SkeletonDataset(store, 'train', pipeline)

    return {
        'MMAction2': theirs(True),
        'MMAction2 without PreNormalize3D': theirs(False),
        'mmcl_ext, 64 frames': ours(our_pipeline(64)),
        'mmcl_ext, 100 frames': ours(our_pipeline(100)),
        'mmcl_ext, the same as MMAction2': ours(our_pyskl_pipeline(True)),
        'mmcl_ext, without PreNormalize3D': ours(our_pyskl_pipeline(False)),
        "mmcl_ext's data set, MMAction2's chain": ours(mmaction_pipeline(True)),
        "mmcl_ext's data set, no transforms": ours([]),
    }


def measure(dataset: BaseDataset, items: list[int], clock: Callable[[], float]) -> float:
    """Return samples per second."""
    start = clock()
    for item in items:
        dataset[item]
    return len(items) / (clock() - start)


def main() -> None:
    args = parse_args()
    torch.set_num_threads(1)
    init_default_scope('mmcl_ext')
    rng = np.random.default_rng(1)
    clock = time.process_time if args.clock == 'cpu' else time.perf_counter
    with tempfile.TemporaryDirectory() as folder:
        variants = datasets(*write_files(Path(folder), args.num_samples))
        best = dict.fromkeys(variants, 0.0)
        for _ in range(args.rounds):
            items = rng.integers(args.num_samples, size=args.draws).tolist()
            for name, dataset in variants.items():
                best[name] = max(best[name], measure(dataset, items, clock))
    print(
        f'mmcl_ext {mmcl_ext.__version__}, samples per second of one process by the '
        f'{args.clock} clock, best of {args.rounds} rounds'
    )
    for name, rate in best.items():
        full, plain = (rate / best[key] for key in list(best)[:2])
        print(f'{name:42s} {rate:8.0f}   x{full:6.2f}   x{plain:6.2f} (without PreNormalize3D)')


if __name__ == '__main__':
    main()
