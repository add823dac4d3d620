import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.dist import get_rank

from mmcl_ext.datasets.store.box_file import BoxCount, BoxFile, SampleBoxes, write_box_file
from mmcl_ext.fileio.printable import counted
from mmcl_ext.preparation.extraction.sharding import (
    ExtractionReport,
    FeatureShards,
    extract_features,
)
from mmcl_ext.preparation.person_boxes.person_box_source import OUTPUTS
from mmcl_ext.registry import PERSON_BOXES


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
        """Read what the box file was told."""
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


_FALLBACKS = {
    'frame': 'the whole frame instead',
    'nearest': "the nearest frame's box instead, else the whole frame",
}


@dataclass
class BoxReport(ExtractionReport):
    """Counts of a run over persons; ``str()`` makes the text for the user."""

    count: BoxCount = field(default_factory=lambda: BoxCount(0, 0, 0))
    fallback: str = 'frame'

    done_word = 'boxed'

    @property
    def content(self) -> str:
        """Boxes, and frames without a person."""
        absent = f'no person in {counted(self.count.without_person, "frame")}'
        if self.count.without_person:
            absent += f' of {counted(self.count.samples, "sample")} ({_FALLBACKS[self.fallback]})'
        return f'{counted(self.count.boxes, "box", "boxes")}, {absent}'


def detect_persons(
    cfg: Mapping[str, Any],
    source: str | os.PathLike,
    out: str | os.PathLike,
    *,
    names: Sequence[str] | None = None,
    **options: Any,
) -> BoxReport:
    """Write the box file of a folder of videos or of skeletons.

    ``cfg`` has ``source``, a configuration of :data:`PERSON_BOXES`, ``batch_size`` and
    ``chunk_size``. Without ``names`` all samples are boxed that there is input for. Options and
    errors are those of :func:`extract_features`; the main process alone counts the boxes.
    """
    boxes: Any = PERSON_BOXES.build({**cfg['source'], 'source': source})
    shards = BoxShards(
        out,
        boxes.names if names is None else names,
        batch_size=cfg.get('batch_size', 4),
        chunk_size=cfg.get('chunk_size', 64),
    )
    extracted = extract_features(boxes, shards, target=out, **options)
    report = BoxReport(**vars(extracted), fallback=boxes.fallback)
    if get_rank() == 0:
        report.count = BoxFile(out).count()
    return report
