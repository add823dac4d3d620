import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from mmcl_ext.datasets.store.box_file import BoxFile, SampleBoxes, write_box_file
from mmcl_ext.preparation.extraction.sharding import FeatureShards
from mmcl_ext.preparation.person_boxes.person_box_source import OUTPUTS


class BoxShards(FeatureShards):
    """Shards of person boxes, merged into one box file.

    Args:
        path: The box file; the shards lie in a folder beside it.
        names: See :class:`~mmcl_ext.preparation.extraction.sharding.FeatureShards`.
        batch_size: Samples that are computed together.
        chunk_size: Samples of a shard.
    """

    def __init__(
        self,
        path: str | os.PathLike,
        names: Sequence[str],
        *,
        batch_size: int = 4,
        chunk_size: int = 64,
    ) -> None:
        self.path = Path(path)
        super().__init__(
            self.path.with_name(f'{self.path.name}.shards'),
            dict.fromkeys(OUTPUTS, self.path),
            names,
            batch_size=batch_size,
            chunk_size=chunk_size,
        )

    def read_metadata(self, path: Path) -> Mapping[str, str]:
        """Read what :meth:`write_merged` was told about the box file."""
        metadata = BoxFile(path).metadata
        return {key: json.dumps(value) for key, value in metadata.items() if key != 'source_hash'}

    def write_merged(
        self,
        names: Sequence[str],
        read: Callable[[str], Sequence[Mapping[str, np.ndarray]]],
        metadata: Mapping[str, str],
        padding: Mapping[str, float | None],
    ) -> None:
        """Write the box file; nothing is padded."""
        columns = {
            output: {name: array for shard in read(output) for name, array in shard.items()}
            for output in OUTPUTS
        }
        samples = {}
        for name in names:
            boxes, found, numbers, video = (columns[output][name] for output in OUTPUTS)
            num_frames, width, height = video.tolist()
            samples[name] = SampleBoxes(
                boxes, found.astype(bool), numbers, num_frames, (width, height)
            )
        recipe = {
            'recipe': json.loads(metadata['recipe']),
            'source_hash': metadata['source_hash'],
            'skipped': json.loads(metadata['skipped']),
        }
        write_box_file(self.path, samples, recipe)

    def merged_shapes(self) -> dict[str, tuple[int, ...]]:
        """Shape of the table of boxes."""
        return {'boxes': (BoxFile(self.path).count().boxes, 4)}
