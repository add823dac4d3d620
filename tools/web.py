"""Serve a web page: pick or upload a clip, see skeleton, scores and composite."""

import argparse

from mmcl_ext.config.command_line import finite_number
from mmcl_ext.config.launch import run_and_exit
from mmcl_ext.config.user_errors import one_line_errors
from mmcl_ext.inference.command_line import add_axes, add_model_options, open_inferencer
from mmcl_ext.preparation.pose.pose_settings import PoseSettings, add_pose_options
from mmcl_ext.web.clip_library import ClipLibrary
from mmcl_ext.web.server import check_address, leave, serve
from mmcl_ext.web.web_demo import WebDemo


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    add_model_options(parser)
    parser.add_argument(
        '--examples',
        nargs='+',
        default=[],
        metavar='STORE|FOLDER',
        help='clips to pick from: annotation stores, folders with a file per clip',
    )
    add_axes(parser)
    parser.add_argument('--composites', metavar='DIR', help='composite images, NAME.jpg')
    parser.add_argument('--host', default='127.0.0.1', help='address to listen at')
    parser.add_argument('--port', type=int, default=7860, help='port to listen at')
    parser.add_argument('--top-k', type=int, default=5, help='classes in the table')
    parser.add_argument('--window', type=int, default=48, help='frames of the sliding window')
    parser.add_argument(
        '--fps', type=finite_number, default=30.0, help='pace of the moving skeletons'
    )
    parser.add_argument(
        '--max-upload', type=finite_number, default=64, help='MiB of an uploaded file'
    )
    parser.add_argument(
        '--fill-missing', action='store_true', help='interpolate joints that are not finite'
    )
    add_pose_options(parser)
    return parser.parse_args()


@one_line_errors(ImportError)  # of a backend, or of Gradio
def main() -> None:
    args = parse_args()
    run(args)


def run(args: argparse.Namespace) -> None:
    check_address(args.host, args.port)  # before a model is loaded in vain
    inferencer = open_inferencer(args, fill_missing=args.fill_missing)
    examples = ClipLibrary(args.examples, args.composites, inferencer.clip_defaults(args.axes))
    demo = WebDemo(
        inferencer,
        examples,
        top_k=args.top_k,
        fps=args.fps,
        max_upload=round(args.max_upload * 2**20),
        window=args.window,
        pose=PoseSettings.of(args),
        axes=args.axes,
    )
    try:
        serve(demo, args.host, args.port)
    except KeyboardInterrupt:
        leave(130)


if __name__ == '__main__':
    run_and_exit(main)
