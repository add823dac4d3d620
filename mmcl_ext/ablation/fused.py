"""Fused systems of an ablation: the scores of several of its variants, added with fixed weights."""

from collections.abc import Mapping, Sequence

from mmcl_ext.ablation.declaration import Fused
from mmcl_ext.ablation.run import Run, read_state
from mmcl_ext.evaluation import read_scores
from mmcl_ext.evaluation.accuracy import label_ranks, mean_class_accuracy
from mmcl_ext.evaluation.ensemble import fuse
from mmcl_ext.evaluation.score_files import write_scores
from mmcl_ext.evaluation.weight_search import PRESETS
from mmcl_ext.fileio.atomic_file import write_json
from mmcl_ext.parallel.resumable_parts import content_hash


def fused_metrics(fused: Fused, runs: Mapping[str, Run]) -> dict[str, float]:
    """Fuse the score files of one seed, whose ``runs`` are given by variant, and measure them.

    The scores and the numbers are kept in ``fused`` beside the folder of the runs, and read from
    there while the runs and the weights are the same.

    Returns ``acc/top1``, ``acc/top5`` (of more than five classes) and ``acc/mean1``, shares. A
    ValueError if the score files do not hold the same samples and classes.
    """
    members = [runs[name] for name in fused.streams]
    weights, treatment = fused_weights(fused)
    key = content_hash([[run.key for run in members], weights, treatment])[:10]
    stem = f'{fused.name}-{key}-seed{members[0].seed}'
    root = members[0].folder.parents[1] / 'fused'
    kept = read_state(root / f'{stem}.json')
    if not kept:
        scores = [read_scores(run.folder / 'predictions.pkl') for run in members]
        together = fuse(scores, weights, treatment, fused.name)
        root.mkdir(parents=True, exist_ok=True)
        write_scores(root / f'{stem}.pkl', together)
        ranks = label_ranks(together.values, together.labels)
        kept = {'acc/top1': float((ranks < 1).mean())}
        if together.num_classes > 5:
            kept['acc/top5'] = float((ranks < 5).mean())
        mean = mean_class_accuracy(ranks < 1, together.labels, together.num_classes)
        kept['acc/mean1'] = mean
        write_json(root / f'{stem}.json', kept)
    return kept


def fused_weights(fused: Fused) -> tuple[Sequence[float], str]:
    """Weights of the streams, and what is done to the scores before they are added."""
    if isinstance(fused.weights, str):
        preset = PRESETS[fused.weights]
        return preset.weights, preset.scores or 'raw'
    return fused.weights, 'raw'
