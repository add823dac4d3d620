"""Fuse the scores of several streams: ``ensemble.py joint.pkl bone.pkl ...``."""

import argparse
from collections.abc import Sequence

from mmcl_ext.config.command_line import finite_number
from mmcl_ext.config.user_errors import one_line_errors
from mmcl_ext.evaluation.annotation_source import SplitLabels, add_annotation, check_annotation
from mmcl_ext.evaluation.ensemble import (
    TREATMENTS,
    Weights,
    ensemble_to_dict,
    evaluate_ensemble,
    format_ensemble,
    search_on_held_out,
    search_on_test,
)
from mmcl_ext.evaluation.score_files import read_scores, write_scores
from mmcl_ext.evaluation.scores import Scores
from mmcl_ext.evaluation.weight_search import PRESETS
from mmcl_ext.fileio.atomic_file import write_json
from mmcl_ext.fileio.printable import counted


def parse_args(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('dumps', nargs='+', help='score files, one per stream')
    weights = parser.add_mutually_exclusive_group()
    weights.add_argument(
        '--weights', nargs='+', type=finite_number, help='one per stream; default: equal'
    )
    weights.add_argument('--preset', choices=PRESETS, help='fixed weights')
    weights.add_argument(
        '--search-on',
        nargs='+',
        metavar='DUMP',
        help='search weights on these score files of a held-out part of the TRAINING data',
    )
    weights.add_argument(
        '--search-on-test',
        action='store_true',
        help='search weights on the test data: an upper bound, no result',
    )
    parser.add_argument('--largest-weight', type=int, help='of a search (6)')
    parser.add_argument(
        '--scores',
        choices=TREATMENTS,
        help='add scores as they are (raw, the default), as probabilities, or l2-normalised',
    )
    add_annotation(parser, 'names and labels')
    parser.add_argument('--search-split', help='its split that --search-on is of')
    parser.add_argument('--resamples', type=int, default=10_000, help='of the bootstrap')
    parser.add_argument('--seed', type=int, default=0, help='of the bootstrap')
    parser.add_argument('--out', help='pickle to write the fused scores to')
    parser.add_argument('--json', help='file to write the numbers to')
    return check_args(parser, parser.parse_args(arguments))


def check_args(parser: argparse.ArgumentParser, args: argparse.Namespace) -> argparse.Namespace:
    check_annotation(parser, args)
    if args.largest_weight is None:
        args.largest_weight = 6
    elif not (args.search_on or args.search_on_test):
        parser.error('--largest-weight goes with --search-on or --search-on-test')
    if bool(args.store) != bool(args.split or args.search_split):
        parser.error('--store goes with --split, or --search-split')
    if args.preset and len(PRESETS[args.preset].weights) != len(args.dumps):
        streams = ', '.join(PRESETS[args.preset].streams)
        parser.error(
            f'--preset {args.preset} is for: {streams}; got {counted(len(args.dumps), "file")}'
        )
    return args


def read(paths: Sequence[str], split: str | None, args: argparse.Namespace) -> list[Scores]:
    labels = SplitLabels.read(args.store, split, args.layout) if split else None
    return [read_scores(path, labels, by_position=args.by_position) for path in paths]


def choose_treatment(args: argparse.Namespace) -> str:
    preset = PRESETS[args.preset].scores if args.preset else None
    return args.scores or preset or 'raw'


def choose_weights(streams: list[Scores], args: argparse.Namespace) -> Weights:
    treatment = choose_treatment(args)
    if args.preset:
        preset = PRESETS[args.preset]
        origin = f'preset {args.preset} ({", ".join(preset.streams)}): {preset.source}'
        return Weights(preset.weights, origin, warning=preset.warning)
    if args.search_on:
        held_out = read(args.search_on, args.search_split, args)
        return search_on_held_out(held_out, streams, treatment, args.largest_weight)
    if args.search_on_test:
        return search_on_test(streams, treatment, args.largest_weight)
    if args.weights:
        return Weights(tuple(args.weights), 'fixed, from the command line')
    return Weights((1,) * len(streams), 'equal')


def run(args: argparse.Namespace) -> None:
    streams = read(args.dumps, args.split, args)
    ensemble = evaluate_ensemble(
        streams,
        choose_weights(streams, args),
        choose_treatment(args),
        resamples=args.resamples,
        seed=args.seed,
    )
    print(format_ensemble(ensemble))
    if args.out:
        write_scores(args.out, ensemble.scores)
    if args.json:
        files = dict(files=args.dumps, search_files=args.search_on or [])
        content = ensemble_to_dict(ensemble) | files
        write_json(args.json, content, indent=2)


@one_line_errors()
def main(arguments: Sequence[str] | None = None) -> None:
    args = parse_args(arguments)
    run(args)


if __name__ == '__main__':
    main()
