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
    if rank() == 0:
        report.count = BoxFile(out).count()
    return report
