import os
from collections.abc import Mapping, Sequence
from typing import Any

from mmcl_ext.datasets.store.box_file import BoxFile
from mmcl_ext.parallel.collectives import rank
from mmcl_ext.preparation.extraction.sharding import extract_features
from mmcl_ext.preparation.person_boxes.box_report import BoxReport
from mmcl_ext.preparation.person_boxes.box_shards import BoxShards
from mmcl_ext.preparation.person_boxes.registry import PERSON_BOXES


def detect_persons(
    cfg: Mapping[str, Any],
    source: str | os.PathLike,
    out: str | os.PathLike,
    *,
    names: Sequence[str] | None = None,
    on_error: str = 'stop',
    progress: bool = True,
) -> BoxReport:
    """Write the box file of a folder of videos or of skeletons.

    Args:
        cfg: ``source``, a configuration of :data:`PERSON_BOXES`; ``batch_size`` and
            ``chunk_size``.
        source: Where the input lies: videos, ``.skeleton`` files, or an annotation store.
        out: Box file.
        names: Sample names, in the order of the result. None for all there is input for.
        on_error: ``'stop'`` at the first unreadable sample, or ``'skip'`` and count it.
        progress: Show progress.

    Returns:
        Counts of the run; the boxes are counted in the main process only.

    Raises:
        ValueError: A setting is wrong, ``out`` was made by another recipe, or with
            ``on_error='stop'`` a sample is malformed.
        OSError: A file cannot be read or written.
    """
    boxes: Any = PERSON_BOXES.build({**cfg['source'], 'source': source})
    shards = BoxShards(
        out,
        boxes.names if names is None else names,
        batch_size=cfg.get('batch_size', 4),
        chunk_size=cfg.get('chunk_size', 64),
    )
    extracted = extract_features(boxes, shards, target=out, on_error=on_error, progress=progress)
    report = BoxReport(**vars(extracted), fallback=boxes.fallback)
    if rank() == 0:
        report.count = BoxFile(out).count()
    return report
