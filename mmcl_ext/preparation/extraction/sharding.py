"""Features of many samples: cut into fixed chunks, spread over processes, resumable.

A chunk is a fixed range of the sample names, and its batches are cut within it. So what a
batch holds, and the result, never depends on how many processes run or how often they were
stopped. Each finished chunk is a file of its own (a shard); at the end they are merged.
"""

import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Protocol

import numpy as np
from mmengine.dist import get_rank, get_world_size

from mmcl_ext.datasets.store.feature_file import FeatureFile, write_feature_file
from mmcl_ext.datasets.store.name_table import repeated
from mmcl_ext.fileio.atomic_file import sweep, write_bytes, write_json
from mmcl_ext.fileio.printable import counted, printable
from mmcl_ext.fileio.read_json import read_json
from mmcl_ext.parallel.collectives import from_main_process
from mmcl_ext.parallel.progress import clock
from mmcl_ext.parallel.resumable_parts import Part, ResumableParts, StoredPart, content_hash

_RECIPE = 'recipe.json'


@dataclass(frozen=True)
class SampleFeatures:
    """Arrays (L, ...) of a sample by output, and a text for the reader, if there is one."""

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
        """Read a sample: an array or a tuple; ValueError or OSError when it is unreadable."""

    def compute(self, items: Sequence[Any]) -> Sequence[SampleFeatures]:
        """Compute the features of a batch, in its order."""


@dataclass
class ExtractionReport:
    """Counts of a run; ``str()`` makes the text for the user.

    Of ``total`` samples asked for, ``present`` were there before the run; ``skipped`` has the
    reason by sample that could not be read.
    """

    target: str
    total: int
    present: int = 0
    skipped: dict[str, str] = field(default_factory=dict)
    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)
    seconds: float = 0.0

    done_word: ClassVar[str] = 'extracted'

    @property
    def complete(self) -> bool:
        """Whether every sample has its features."""
        return not self.skipped

    @property
    def content(self) -> str:
        """What the result holds, in words."""
        return ', '.join(f'{name} {shape}' for name, shape in self.shapes.items())

    def __str__(self) -> str:
        skipped = [f'{name}: {reason}' for name, reason in self.skipped.items()]
        lines = [f'SKIPPED {printable(text, 500)}' for text in skipped]
        made = self.total - self.present - len(self.skipped)
        lines.append(
            f'{self.target}: {counted(self.total, "sample")}, {made} {self.done_word}, '
            f'{self.present} were there, {len(self.skipped)} skipped; '
            f'{self.content}; {clock(self.seconds)}'
        )
        return '\n'.join(lines)


class FeatureShards:
    """The shards of one extraction, and the feature files they are merged into.

    Each shard holds ``chunk_size`` samples; their ``folder`` is removed when all are merged, in the
    order of the names. The file ``texts`` takes the texts, a JSON object in each line. A ValueError
    for no names, a name twice, or a size below 1.
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
        if not names:
            raise ValueError('there are no samples to compute features of')
        if (twice := repeated(names)) is not None:
            raise ValueError(f'sample {twice!r} occurs more than once')
        if batch_size < 1 or chunk_size < 1:
            raise ValueError(
                f'batch size {batch_size} and chunk size {chunk_size} must be at least 1'
            )
        self.targets = {output: Path(path) for output, path in targets.items()}
        self.batch_size, self.chunk_size = batch_size, chunk_size
        self.texts = None if texts is None else Path(texts)
        self.names = tuple(names)
        first = next(iter(self.targets.values()))
        self.parts = ResumableParts(first, Path(folder), self.names, chunk_size)
        self.recipe: dict[str, Any] = {}

    @property
    def recipe_hash(self) -> str:
        """Hash of the recipe, which every shard carries."""
        return content_hash(self.recipe)

    def batches(self, index: int) -> Iterator[tuple[str, ...]]:
        """Cut the names of a chunk into batches."""
        names = self.parts.parts[index]
        for start in range(0, len(names), self.batch_size):
            yield names[start : start + self.batch_size]

    def claim(self, recipe: Mapping[str, object], lock: ExitStack) -> list[int]:
        """Begin or continue with a recipe (JSON types); return the chunks to compute.

        Names and sizes are added to the recipe. Chunks with skipped samples are tried again.
        ``lock`` keeps other runs out until it is closed. A ValueError names the differences of
        shards or feature files of another recipe.
        """
        layout = {
            'batch_size': self.batch_size,
            'chunk_size': self.chunk_size,
            'outputs': list(self.targets),
            'num_samples': len(self.names),
            'samples_hash': content_hash([self.names, self.names]),
        }
        self.recipe = json.loads(json.dumps({**recipe, **layout}, sort_keys=True))
        merged = [path for path in self.targets.values() if path.exists()]
        for path in merged:
            self._check_recipe(path, self.read_metadata(path).get('recipe', {}))
        if len(merged) == len(self.targets) and not self.skipped_when_merged():
            self.parts.remove()  # left by an interruption
            return []
        lock.enter_context(self.parts.claimed())
        for path in (*self.targets.values(), self.texts or self.parts.target):
            sweep(path)
        file = self.parts.folder / _RECIPE
        sweep(file)
        if file.exists() and any(self.parts.folder.glob('*.safetensors')):
            self._check_recipe(self.parts.folder, read_json(file, dict))
        write_json(file, self.recipe, sort_keys=True)
        return self.parts.todo(self._is_done)

    def skipped_when_merged(self) -> dict[str, str]:
        """Tell what the feature files lack, as their metadata say."""
        skipped: dict[str, str] = self.read_metadata(self.parts.target).get('skipped', {})
        return skipped

    def merge(self, padding: Mapping[str, float | None]) -> None:
        """Write the feature files and remove the shards, unless samples were skipped.

        A ValueError if no sample is left, or lengths differ that have to agree.
        """
        parts = list(self.parts.read_all())
        notes = {name: note for part in parts for name, note in part.notes.items()}
        skipped = {name: reason for part in parts for name, reason in part.skipped.items()}
        if not notes:
            raise ValueError(f'{self.parts.folder}: no sample could be read, nothing to merge')
        if self.texts is not None:
            lines = [json.dumps({'name': name, 'text': text}) for name, (text, _) in notes.items()]
            write_bytes(self.texts, ('\n'.join(lines) + '\n').encode())
        metadata = {
            'recipe': self.recipe,
            'source_hash': content_hash([list(notes), [digest for _, digest in notes.values()]]),
            'skipped': skipped,
        }

        def read(output: str) -> dict[str, np.ndarray]:
            return {name: array for part in parts for name, array in part.arrays(output).items()}

        self.write_merged(read, metadata, padding)
        if not skipped:
            self.parts.remove()

    def read_metadata(self, path: Path) -> Mapping[str, Any]:
        """Read what :meth:`write_merged` was told about a file that it wrote."""
        metadata = FeatureFile(path).metadata
        return {key: json.loads(metadata[key]) for key in ('recipe', 'skipped') if key in metadata}

    def write_merged(
        self,
        read: Callable[[str], Mapping[str, np.ndarray]],
        metadata: Mapping[str, Any],
        padding: Mapping[str, float | None],
    ) -> None:
        """Write the targets; a subclass may have a format of its own.

        ``read`` gives an output: array (L, ...) by sample name, in the order wanted.
        """
        texts = {
            key: value if isinstance(value, str) else json.dumps(value, sort_keys=True)
            for key, value in metadata.items()
        }
        for output, path in self.targets.items():
            arrays = read(output)
            array = _stack(arrays, padding[output], output)
            write_feature_file(path, array, list(arrays), {'output': output, **texts})

    def merged_shapes(self) -> dict[str, tuple[int, ...]]:
        """Shape of each feature file."""
        return {output: FeatureFile(path).shape for output, path in self.targets.items()}

    def _is_done(self, index: int, part: StoredPart) -> bool:
        if part.key not in (None, self.recipe_hash):
            raise ValueError(
                f'{part.path} belongs to another extraction: choose another folder or remove '
                f'{self.parts.folder}'
            )
        return part.key is not None and not part.skipped

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

    The main process lists the chunks to do; process r of W takes every W-th of them. With
    ``on_error='skip'`` unreadable samples are counted. Every process gets the report, which calls
    the result ``target``. A ValueError if another recipe is there, or with ``on_error='stop'`` a
    sample is malformed; an OSError if a file cannot be read or written.
    """
    if on_error not in ('stop', 'skip'):
        raise ValueError(f"on_error must be 'stop' or 'skip', got {on_error!r}")
    begin = time.monotonic()
    with ExitStack() as lock:
        todo, shards.recipe = from_main_process(
            lambda: (shards.claim(extractor.recipe, lock), shards.recipe)
        )
        if todo[get_rank() :: get_world_size()]:
            extractor.load()
        shards.parts.run(
            todo,
            lambda index: _compute_chunk(extractor, shards, index, on_error),
            lambda index: shards.recipe_hash,
            progress=progress,
        )

        def conclude() -> ExtractionReport:
            if shards.parts.folder.exists():  # gone when an earlier run has merged everything
                shards.merge(extractor.padding)
            return ExtractionReport(
                target=os.fspath(target),
                total=len(shards.names),
                present=len(shards.names) - sum(len(shards.parts.parts[index]) for index in todo),
                skipped=shards.skipped_when_merged(),
                shapes=shards.merged_shapes(),
                seconds=time.monotonic() - begin,
            )

        return from_main_process(conclude)


def _compute_chunk(
    extractor: FeatureExtractor, shards: FeatureShards, index: int, on_error: str
) -> Part:
    """Compute the batches of a chunk; note text and hash of the input of each sample."""
    part = Part()
    for batch in shards.batches(index):
        items = {}
        for name in batch:
            try:
                items[name] = extractor.read(name)
            except (ValueError, OSError) as error:
                if on_error == 'stop':
                    raise
                part.skipped[name] = str(error)
        computed = extractor.compute(list(items.values())) if items else []
        for (name, item), sample in zip(items.items(), computed, strict=True):
            values = {output: np.asarray(sample.values[output]) for output in shards.targets}
            for output, value in values.items():
                if not np.isfinite(value).all():
                    raise ValueError(f'{output!r} of sample {name!r} is not finite')
            part.arrays[name] = values
            part.notes[name] = [sample.text, _input_digest(item)]
    return part


def _stack(arrays: Mapping[str, np.ndarray], fill: float | None, output: str) -> np.ndarray:
    """Stack samples (L, ...) to (N, longest L, ...)."""
    lengths = {name: len(array) for name, array in arrays.items()}
    longest = max(lengths.values())
    short = next((name for name, length in lengths.items() if length != longest), None)
    if fill is None and short is not None:
        raise ValueError(
            f'{output!r} of sample {short!r} has {counted(lengths[short], "value")}, others have '
            f'{longest}'
        )
    first = next(iter(arrays.values()))
    stacked = np.full((len(lengths), longest, *first.shape[1:]), fill or 0, first.dtype)
    for row, array in zip(stacked, arrays.values(), strict=True):
        row[: len(array)] = array
    return stacked


def _input_digest(item: np.ndarray | tuple[np.ndarray, ...]) -> str:
    """Hash types, shapes and values of an array, or of several."""
    total = hashlib.sha256()
    for array in item if isinstance(item, tuple) else (item,):
        data = np.ascontiguousarray(array)
        total.update(f'{data.dtype.str}{data.shape}'.encode())
        total.update(data.tobytes())
    return total.hexdigest()
