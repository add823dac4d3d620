import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mmcl_ext.preparation.extraction.sharding import (
    ExtractionReport,
    FeatureShards,
    extract_features,
)
from mmcl_ext.preparation.text.registry import TEXT_SOURCES


def extract_text_features(
    cfg: Mapping[str, Any],
    folder: str | os.PathLike,
    out: str | os.PathLike,
    *,
    names: Sequence[str] | None = None,
    **options: Any,
) -> ExtractionReport:
    """Write the text features of a folder of composites.

    Args:
        cfg: ``source``, a configuration of :data:`TEXT_SOURCES`; for models also ``question``, a
            text or a key of ``prompts``; ``batch_size`` and ``chunk_size``.
        folder: Where the input of the source lies.
        out: Folder for ``<output>.safetensors`` of each output and ``answers.jsonl``.
        names: Sample names, in the order of the result. None for all in ``folder``.
        **options: ``on_error`` and ``progress``, see :func:`extract_features`, as for returns and
            errors.
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
        texts=out / 'answers.jsonl' if 'question' in settings else None,
    )
    return extract_features(source, shards, target=out, **options)
