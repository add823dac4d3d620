"""Text features of composite images, and the registry of their sources."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mmcl_ext.preparation.extraction.sharding import (
    ExtractionReport,
    FeatureShards,
    extract_features,
)
from mmcl_ext.preparation.text.answers import ANSWERS
from mmcl_ext.registry import TEXT_SOURCES


def extract_text_features(
    cfg: Mapping[str, Any],
    folder: str | os.PathLike,
    out: str | os.PathLike,
    *,
    names: Sequence[str] | None = None,
    **options: Any,
) -> ExtractionReport:
    """Write the text features of a folder of composites.

    ``cfg`` has ``source``, a configuration of :data:`TEXT_SOURCES`; for models also ``question``, a
    text or a key of ``prompts``; ``batch_size`` and ``chunk_size``. Options are those of
    :func:`extract_features`. Writes ``<output>.safetensors`` and ``answers.jsonl``.
    """
    settings = {**cfg['source'], 'folder': folder}
    if cfg.get('question') is not None:
        settings['question'] = cfg.get('prompts', {}).get(cfg['question'], cfg['question'])
    source: Any = TEXT_SOURCES.build(settings)
    out = Path(out)
    shards = FeatureShards(
        out / 'shards',
        {output: out / f'{output}.safetensors' for output in source.padding},
        source.names if names is None else names,
        batch_size=cfg.get('batch_size', 16),
        chunk_size=cfg.get('chunk_size', 64),
        texts=out / ANSWERS if getattr(source, 'has_texts', 'question' in settings) else None,
    )
    return extract_features(source, shards, target=out, **options)
