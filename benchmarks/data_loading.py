"""Samples per second and process: our data path beside MMAction2's, in one run.

Sequences have the lengths and person counts of NTU RGB+D and random coordinates, as
float16 in both files. The variants take turns, so that a busy machine slows all alike;
the best round of each counts. Prints samples per second and the ratio to MMAction2's chain; with
``--augment``, what each random transform costs a sample in the pipeline and in batches of 64.
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
from mmcl_ext.models import SkeletonDataPreprocessor
from mmcl_ext.registry import TRANSFORMS

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
    parser.add_argument(
        '--augment', action='store_true', help='measure random transforms, by sample and by batch'
    )
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


def print_augmentation(draws: int, rounds: int, clock: Callable[[], float]) -> None:
    """Print microseconds a sample (2 persons, 64 frames, 25 joints) on this CPU."""
    batch = torch.randn(64, 1, 2, 64, 25, 3)
    clips = [clip[0].numpy() for clip in batch]
    print(f'microseconds a sample, best of {rounds} rounds: in the pipeline, in batches of 64')
    for step in (
        dict(type='RandomRotation'),
        dict(type='RandomView'),
        dict(type='RandomScale'),
        dict(type='RandomMirror', layout='nturgb+d'),
    ):
        transform, preprocessor = TRANSFORMS.build(step), SkeletonDataPreprocessor(augment=[step])
        best = [float('inf')] * 2
        for _ in range(rounds):
            start = clock()
            for i in range(draws):
                transform(dict(keypoint=clips[i % 64], layout='nturgb+d'))
            middle = clock()
            for _ in range(0, draws, 64):
                preprocessor.augmented({'keypoint': batch})
            single, batched = (middle - start) / draws, (clock() - middle) / (-(-draws // 64) * 64)
            best = [min(best[0], single), min(best[1], batched)]
        print(f'{step["type"]:16s} {1e6 * best[0]:6.1f} {1e6 * best[1]:6.1f}')


def main() -> None:
    args = parse_args()
    torch.set_num_threads(1)
    init_default_scope('mmcl_ext')
    rng = np.random.default_rng(1)
    clock = time.process_time if args.clock == 'cpu' else time.perf_counter
    if args.augment:
        print_augmentation(args.draws, args.rounds, clock)
        return
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
