"""Time and private memory that opening a store of NTU RGB+D 120's size takes.

Generates 114,480 sequences of NTU RGB+D's lengths (1.75 GB as float16) in a temporary
folder, or opens the store given, and measures in fresh processes.
"""

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from mmcl_ext.datasets.store import write_store

PROBE = """
import pickle, sys, time
import numpy as np
from mmcl_ext.datasets.store import SkeletonStore

def private():
    lines = open('/proc/self/smaps_rollup').read().split('\\n')
    return sum(int(line.split()[1]) for line in lines if line.startswith('Private')) / 1024

before = private()
start = time.perf_counter()
store = SkeletonStore(sys.argv[1])
opened = time.perf_counter() - start
after = private()
items = np.random.default_rng(0).integers(len(store), size=int(sys.argv[2])).tolist()
start = time.perf_counter()
for item in items:
    store.keypoint(item)
read = (time.perf_counter() - start) / len(items)
print(len(store), opened, after - before, private() - before, read * 1e6, len(pickle.dumps(store)))
"""


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('store', nargs='?', help='store to open; default: generate one')
    parser.add_argument('--num-samples', type=int, default=114_480, help='sequences to generate')
    parser.add_argument('--num-reads', type=int, default=2000, help='samples read after opening')
    parser.add_argument('--rounds', type=int, default=3, help='fresh processes')
    parser.add_argument('--folder', help='where to generate; default: the temporary folder')
    return parser.parse_args()


def samples(number: int) -> Iterator[dict]:
    """Sequences that are cut from one block of random numbers: generating is not the subject."""
    rng = np.random.default_rng(0)
    block = rng.normal(size=(2, 600, 25, 3)).astype(np.float16)
    lengths = np.clip(rng.gamma(8, 11, number).astype(int), 30, 300).tolist()
    persons = (1 + (rng.random(number) < 0.2)).tolist()
    for i, (M, T) in enumerate(zip(persons, lengths, strict=True)):
        start = i % 300
        yield dict(name=f'S{i:019d}', label=i % 120, keypoint=block[:M, start : start + T])


def generate(path: Path, number: int) -> None:
    names = [f'S{i:019d}' for i in range(number)]
    splits = {
        f'{protocol}_{half}': names[i % 2 :: 2]
        for i, half in enumerate(('train', 'val'))
        for protocol in ('xsub', 'xset')
    }
    classes = [f'A{i + 1}' for i in range(120)]
    write_store(
        path, samples(number), layout='nturgb+d', classes=classes, splits=splits, dtype='float16'
    )


def probe(path: Path, num_reads: int, rounds: int) -> None:
    for _ in range(rounds):
        command = [sys.executable, '-c', PROBE, str(path), str(num_reads)]
        answer = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        size, opened, memory, later, read, pickled = answer.split()
        print(
            f'{size} samples, {path.stat().st_size / 1e9:.2f} GB: opened in {float(opened):.3f} s, '
            f'{float(memory):.1f} MB private memory, {float(later):.1f} MB after {num_reads} '
            f'reads of {float(read):.0f} us, pickles to {pickled} bytes'
        )


def main() -> None:
    args = parse_args()
    if args.store:
        probe(Path(args.store), args.num_reads, args.rounds)
        return
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        path = Path(folder) / 'generated.safetensors'
        generate(path, args.num_samples)
        probe(path, args.num_reads, args.rounds)


if __name__ == '__main__':
    main()
