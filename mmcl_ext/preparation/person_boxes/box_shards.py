import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mmcl_ext.datasets.store.box_file import BoxFile, SampleBoxes, write_box_file
from mmcl_ext.preparation.extraction.sharding import FeatureShards
from mmcl_ext.preparation.person_boxes.person_box_source import OUTPUTS


class BoxShards(FeatureShards):
    """Shards of person boxes in a folder beside the box file that they are merged into."""

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

    def read_metadata(self, path: Path) -> Mapping[str, Any]:
        """Read what :meth:`write_merged` was told about the box file."""
        return BoxFile(path).metadata

    def write_merged(
        self,
        read: Callable[[str], Mapping[str, np.ndarray]],
        metadata: Mapping[str, Any],
        padding: Mapping[str, float | None],
    ) -> None:
        """Write the box file; nothing is padded."""
        columns = [read(output) for output in OUTPUTS]
        samples = {}
        for name in columns[0]:
            boxes, found, numbers, video = (column[name] for column in columns)
            num_frames, width, height = video.tolist()
            samples[name] = SampleBoxes(
                boxes, found.astype(bool), numbers, num_frames, (width, height)
            )
        write_box_file(self.path, samples, metadata)

    def merged_shapes(self) -> dict[str, tuple[int, ...]]:
        """Shape of the table of boxes."""
        return {'boxes': (BoxFile(self.path).count().boxes, 4)}
