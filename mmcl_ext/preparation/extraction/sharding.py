"""Features of many samples: cut into fixed chunks, spread over processes, resumable.

A chunk is a fixed range of the sample names, and its batches are cut within it. So what a
batch holds never depends on how many processes run or how often they were stopped, and the
result is the same to the last bit. Each finished chunk is a file of its own (a shard), written
atomically; when all are there, they are merged into feature files.
"""

import hashlib
import json
import os
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch.distributed
from safetensors import safe_open
from safetensors.numpy import save

from mmcl_ext.datasets.store.feature_file import FeatureFile, write_feature_file
from mmcl_ext.fileio.atomic_file import write_bytes, write_json
from mmcl_ext.parallel.collectives import rank, world_size
from mmcl_ext.parallel.process_group import from_main_process
from mmcl_ext.parallel.progress import Progress, clock

_RECIPE = 'recipe.json'


@dataclass(frozen=True)
class SampleFeatures:
    """What was computed for one sample.

    Attributes:
        values: Array (L, ...) of each output; L may differ between samples.
        text: What a person may want to read, such as the answer of a model.
    """

    values: Mapping[str, np.ndarray]
    text: str | None = None


class FeatureExtractor(Protocol):
    """What :func:`extract_features` runs."""

    @property
    def padding(self) -> Mapping[str, float | None]:
        """Outputs, each with the value that fills short samples; None where lengths must agree."""

    @property
    def recipe(self) -> Mapping[str, object]:
        """What shapes the features, as JSON types; asked for by the main process only."""

    def load(self) -> None:
        """Load the model; called once, in processes that have something to do."""

    def read(self, name: str) -> Any:
        """Read the input of a sample; ValueError or OSError when it is unreadable.

        An array, or a tuple of arrays, which is handed on to :meth:`compute`.
        """

    def compute(self, items: Sequence[Any]) -> Sequence[SampleFeatures]:
        """Compute the features of a batch, in its order."""


@dataclass
class ExtractionReport:
    """Counts of a run; ``str()`` makes the text for the user.

    Attributes:
        target: Where the features are.
        total: Samples asked for.
        present: Samples that were there before the run.
        skipped: Reason by sample that could not be read.
        shapes: Shape of each output.
        seconds: How long the run took.
    """

    target: str
    total: int
    present: int = 0
    skipped: dict[str, str] = field(default_factory=dict)
    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def complete(self) -> bool:
        """Whether every sample has its features."""
        return not self.skipped

    def __str__(self) -> str:
        lines = [f'SKIPPED {name}: {reason}' for name, reason in self.skipped.items()]
        made = self.total - self.present - len(self.skipped)
        shapes = ', '.join(f'{name} {shape}' for name, shape in self.shapes.items())
        lines.append(
            f'{self.target}: {self.total} samples, {made} extracted, {self.present} were there, '
            f'{len(self.skipped)} skipped; {shapes}; {clock(self.seconds)}'
        )
        return '\n'.join(lines)


class FeatureShards:
    """The shards of one extraction, and the feature files they are merged into.

    Args:
        folder: Folder of the shards; made when missing, removed when all samples are merged.
        targets: Feature file of each output.
        names: The N sample names; the rows of the feature files have their order.
        batch_size: Samples that are computed together.
        chunk_size: Samples of a shard; the last one may have fewer.
        texts: File for the texts, a JSON object in each line; None to leave them out.

    Raises:
        ValueError: No names, a name twice, or a size below 1.
    """

    def __init__(
        self,
        folder: str | os.PathLike,
        targets: Mapping[str, str | os.PathLike],
        names: Sequence[str],
        *,
        batch_size: int = 16,
        chunk_size: int = 64,
        texts: str | os.PathLike | None = None,
    ) -> None:
        _check_names(names)
        if batch_size < 1 or chunk_size < 1:
            raise ValueError(
                f'batch size {batch_size} and chunk size {chunk_size} must be at least 1'
            )
        self.folder = Path(folder)
        self.targets = {output: Path(path) for output, path in targets.items()}
        self.batch_size, self.chunk_size = batch_size, chunk_size
        self.texts = None if texts is None else Path(texts)
        self.names = tuple(names)
        self.chunks = tuple(
            self.names[start : start + chunk_size] for start in range(0, len(names), chunk_size)
        )
        self.recipe: dict[str, Any] = {}

    @property
    def recipe_id(self) -> str:
        """Hash of the recipe, which every shard carries."""
        return hashlib.sha256(_json(self.recipe).encode()).hexdigest()

    def shard(self, index: int) -> Path:
        """Path of a shard."""
        return self.folder / f'{index:06d}.safetensors'

    def batches(self, index: int) -> Iterator[tuple[str, ...]]:
        """Cut the names of a chunk into batches."""
        names = self.chunks[index]
        for start in range(0, len(names), self.batch_size):
            yield names[start : start + self.batch_size]

    def claim(self, recipe: Mapping[str, object]) -> list[int]:
        """Begin or go on with a recipe.

        Args:
            recipe: What shapes the features, as JSON types. Sample names and sizes are added.

        Returns:
            The chunks to compute. Those with skipped samples are tried again.

        Raises:
            ValueError: Shards or feature files of another recipe are there; names the
                differences.
        """
        self.recipe = json.loads(_json({**recipe, **self._layout()}))
        merged = [path for path in self.targets.values() if path.exists()]
        for path in merged:
            self._check_recipe(path, json.loads(self.read_metadata(path).get('recipe', '{}')))
        if len(merged) == len(self.targets) and not self.skipped_when_merged():
            shutil.rmtree(self.folder, ignore_errors=True)  # left by an interruption
            return []
        file = self.folder / _RECIPE
        if file.exists() and any(self.folder.glob('*.safetensors')):
            self._check_recipe(self.folder, json.loads(file.read_text()))
        write_json(file, self.recipe, sort_keys=True)
        return self._open_chunks()

    def skipped_when_merged(self) -> dict[str, str]:
        """Tell what the feature files lack, as their metadata say."""
        path = next(iter(self.targets.values()))
        skipped: dict[str, str] = json.loads(self.read_metadata(path).get('skipped', '{}'))
        return skipped

    def read_metadata(self, path: Path) -> Mapping[str, str]:
        """Read what :meth:`write_merged` was told about a file that it wrote."""
        return FeatureFile(path).metadata

    def write(
        self,
        index: int,
        samples: Mapping[str, SampleFeatures],
        digests: Mapping[str, str],
        skipped: Mapping[str, str],
    ) -> None:
        """Write a shard under a temporary name and move it into place.

        Args:
            index: Number of the chunk.
            samples: Features by name, in the order of the chunk.
            digests: Hash of the input of each of them.
            skipped: Reason by name for the rest of the chunk.

        Raises:
            ValueError: A value is not finite; names the sample.
            OSError: The disk does not take it.
        """
        tensors = {'count': np.array([len(samples)])}
        for output in self.targets:
            values = {name: np.asarray(sample.values[output]) for name, sample in samples.items()}
            tensors |= _pack(output, values)
        content = {
            'names': list(samples),
            'texts': [sample.text for sample in samples.values()],
            'digests': [digests[name] for name in samples],
            'skipped': dict(skipped),
        }
        metadata = {'recipe': self.recipe_id, 'chunk': str(index), 'content': _json(content)}
        write_bytes(self.shard(index), save(tensors, metadata))

    def merge(self, padding: Mapping[str, float | None]) -> None:
        """Write the feature files and remove the shards, unless samples were skipped.

        Args:
            padding: What fills the short samples of an output, see :class:`FeatureExtractor`.

        Raises:
            ValueError: A shard belongs to another recipe, no sample is left, or lengths differ
                that have to agree.
        """
        shards = [self._read(index) for index in range(len(self.chunks))]
        content = _join([shard.content for shard in shards])
        if not content['names']:
            raise ValueError(f'{self.folder}: no sample could be read, nothing to merge')
        if self.texts is not None:
            pairs = zip(content['names'], content['texts'], strict=True)
            lines = [json.dumps({'name': name, 'text': text}) for name, text in pairs]
            write_bytes(self.texts, ('\n'.join(lines) + '\n').encode())
        metadata = {
            'recipe': _json(self.recipe),
            'source_hash': _digest(content['names'], content['digests']),
            'skipped': _json(content['skipped']),
        }

        def read(output: str) -> list[dict[str, np.ndarray]]:
            return [shard.arrays(output) for shard in shards]

        self.write_merged(content['names'], read, metadata, padding)
        if not content['skipped']:
            shutil.rmtree(self.folder)

    def write_merged(
        self,
        names: Sequence[str],
        read: Callable[[str], Sequence[Mapping[str, np.ndarray]]],
        metadata: Mapping[str, str],
        padding: Mapping[str, float | None],
    ) -> None:
        """Write the targets; a subclass may have a format of its own.

        Args:
            names: Names of the samples that were computed, in the order wanted.
            read: Reads an output: the shards in their order, array (L, ...) by sample name.
            metadata: Recipe, hash of the inputs and skipped samples, each as JSON.
            padding: See :meth:`merge`.
        """
        for output, path in self.targets.items():
            array = _unpack(read(output), padding[output], output)
            write_feature_file(path, array, names, {'output': output, **metadata})

    def merged_shapes(self) -> dict[str, tuple[int, ...]]:
        """Shape of each feature file."""
        return {output: FeatureFile(path).shape for output, path in self.targets.items()}

    def count(self, chunks: Sequence[int]) -> int:
        """Count the samples of those of ``chunks`` that are finished."""
        found = set(os.listdir(self.folder))
        return sum(len(self.chunks[i]) for i in chunks if self.shard(i).name in found)

    def _open_chunks(self) -> list[int]:
        """List what is to be computed; take shards with skipped samples away."""
        todo = []
        for index in range(len(self.chunks)):
            if not self.shard(index).exists():
                todo.append(index)
            elif self._read(index).content['skipped']:
                self.shard(index).unlink()
                todo.append(index)
        return todo

    def _layout(self) -> dict[str, object]:
        return {
            'batch_size': self.batch_size,
            'chunk_size': self.chunk_size,
            'outputs': list(self.targets),
            'num_samples': len(self.names),
            'samples_hash': _digest(self.names, self.names),
        }

    def _read(self, index: int) -> '_Shard':
        shard = _Shard(self.shard(index))
        names = {*shard.content['names'], *shard.content['skipped']}
        if shard.recipe_id != self.recipe_id or names != set(self.chunks[index]):
            raise ValueError(
                f'{shard.path} belongs to another extraction: choose another folder or remove '
                f'{self.folder}'
            )
        return shard

    def _check_recipe(self, where: Path, found: Mapping[str, object]) -> None:
        keys = [key for key in {**found, **self.recipe} if found.get(key) != self.recipe.get(key)]
        if keys:
            differences = '; '.join(
                f'{key}: {found.get(key)!r} there, {self.recipe.get(key)!r} now' for key in keys
            )
            raise ValueError(
                f'{where} was made by another recipe ({differences}): choose another target or '
                'remove this one'
            )


def extract_features(
    extractor: FeatureExtractor,
    shards: FeatureShards,
    *,
    target: str | os.PathLike,
    on_error: str = 'stop',
    progress: bool = True,
) -> ExtractionReport:
    """Compute what is not there yet, on all processes of the group, and merge.

    The main process lists the chunks to do; process r of W takes every W-th of them.

    Args:
        extractor: What is computed.
        shards: Names and files.
        target: What the report calls the result.
        on_error: ``'stop'`` at the first unreadable sample, or ``'skip'`` and count it.
        progress: Show progress, in the main process.

    Returns:
        Counts of the run, in every process.

    Raises:
        ValueError: Unknown ``on_error``, another recipe is there, or with ``'stop'`` a sample is
            malformed.
        OSError: A file cannot be read or written.
    """
    if on_error not in ('stop', 'skip'):
        raise ValueError(f"on_error must be 'stop' or 'skip', got {on_error!r}")
    begin = time.monotonic()
    todo, shards.recipe = from_main_process(lambda: (shards.claim(extractor.recipe), shards.recipe))
    mine = todo[rank() :: world_size()]
    total = sum(len(shards.chunks[index]) for index in todo)
    bar = Progress(total, lambda: shards.count(todo), progress and rank() == 0)
    with bar.waiting():
        if mine:
            extractor.load()
        for index in mine:
            shards.write(index, *_compute_chunk(extractor, shards.batches(index), on_error))
        if world_size() > 1:
            torch.distributed.barrier()
    bar.finish()

    def conclude() -> ExtractionReport:
        if shards.folder.exists():  # gone when an earlier run has merged everything
            shards.merge(extractor.padding)
        return ExtractionReport(
            target=os.fspath(target),
            total=len(shards.names),
            present=len(shards.names) - total,
            skipped=shards.skipped_when_merged(),
            shapes=shards.merged_shapes(),
            seconds=time.monotonic() - begin,
        )

    return from_main_process(conclude)


def _compute_chunk(
    extractor: FeatureExtractor, batches: Iterator[tuple[str, ...]], on_error: str
) -> tuple[dict[str, SampleFeatures], dict[str, str], dict[str, str]]:
    """Compute the batches of a chunk: features, hashes of inputs, and reasons by name."""
    samples: dict[str, SampleFeatures] = {}
    digests: dict[str, str] = {}
    skipped: dict[str, str] = {}
    for batch in batches:
        items = {}
        for name in batch:
            try:
                items[name] = extractor.read(name)
            except (ValueError, OSError) as error:
                if on_error == 'stop':
                    raise
                skipped[name] = str(error)
        digests |= {name: _input_digest(item) for name, item in items.items()}
        computed = extractor.compute(list(items.values())) if items else []
        samples |= dict(zip(items, computed, strict=True))
    return samples, digests, skipped


class _Shard:
    """A shard that was written; its arrays are read when asked for."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with safe_open(path, 'numpy') as file:
            metadata = file.metadata()
        self.recipe_id = metadata['recipe']
        self.content = json.loads(metadata['content'])

    def arrays(self, output: str) -> dict[str, np.ndarray]:
        """Read an output: array (L, ...) by sample name."""
        if not self.content['names']:
            return {}
        with safe_open(self.path, 'numpy') as file:
            values = file.get_tensor(f'{output}.values')
            ends = np.cumsum(file.get_tensor(f'{output}.lengths'))
        return dict(zip(self.content['names'], np.split(values, ends[:-1]), strict=True))


def _check_names(names: Sequence[str]) -> None:
    if not names:
        raise ValueError('there are no samples to compute features of')
    counts = Counter(names)
    if len(counts) != len(names):
        raise ValueError(f'sample {counts.most_common(1)[0][0]!r} occurs more than once')


def _pack(output: str, values: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Set the arrays (L, ...) of the samples back to back, beside their lengths."""
    for name, value in values.items():
        if not np.isfinite(value).all():
            raise ValueError(f'{output!r} of sample {name!r} is not finite')
    if not values:
        return {}
    arrays = list(values.values())
    return {
        f'{output}.values': np.concatenate(arrays),
        f'{output}.lengths': np.array([len(array) for array in arrays]),
    }


def _unpack(
    shards: Sequence[Mapping[str, np.ndarray]], fill: float | None, output: str
) -> np.ndarray:
    """Stack samples (L, ...) to (N, longest L, ...)."""
    lengths = {name: len(array) for shard in shards for name, array in shard.items()}
    longest = max(lengths.values())
    short = next((name for name, length in lengths.items() if length != longest), None)
    if fill is None and short is not None:
        raise ValueError(
            f'{output!r} of sample {short!r} has {lengths[short]} values, others have {longest}'
        )
    first = next(array for shard in shards for array in shard.values())
    stacked = np.full((len(lengths), longest, *first.shape[1:]), fill or 0, first.dtype)
    arrays = (array for shard in shards for array in shard.values())
    for row, array in zip(stacked, arrays, strict=True):
        row[: len(array)] = array
    return stacked


def _join(contents: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Concatenate the descriptions of the shards."""
    lists = ('names', 'texts', 'digests')
    joined: dict[str, Any] = {
        key: [item for content in contents for item in content[key]] for key in lists
    }
    joined['skipped'] = {
        name: reason for content in contents for name, reason in content['skipped'].items()
    }
    return joined


def _json(value: object) -> str:
    return json.dumps(value, sort_keys=True)


def _digest(names: Sequence[str], values: Sequence[str]) -> str:
    """Hash names and values in their order."""
    return hashlib.sha256(json.dumps([list(names), list(values)]).encode()).hexdigest()


def _input_digest(item: np.ndarray | tuple[np.ndarray, ...]) -> str:
    """Hash types, shapes and values of an array, or of several."""
    total = hashlib.sha256()
    for array in item if isinstance(item, tuple) else (item,):
        data = np.ascontiguousarray(array)
        total.update(f'{data.dtype.str}{data.shape}'.encode())
        total.update(data.tobytes())
    return total.hexdigest()
