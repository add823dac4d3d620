"""Make one composite image per sample: ``make_composites.py KIND ...``.

Composites that are there already are kept, so an interrupted run goes on where it was.
"""

import argparse
import os
from collections.abc import Callable

from mmengine.dist import get_rank

from mmcl_ext.config.command_line import finite_number
from mmcl_ext.config.launch import run_and_exit
from mmcl_ext.datasets.converters.ntu_protocol import NTUName, ntu_classes
from mmcl_ext.datasets.store import SkeletonStore
from mmcl_ext.datasets.store.box_file import BoxFile
from mmcl_ext.fileio.printable import counted
from mmcl_ext.preparation.composites.composite import ORDERS, write_contact_sheets
from mmcl_ext.preparation.composites.composite_folder import (
    ClipSource,
    CompositeFolder,
    CompositeReport,
    SampleNames,
    SampleStore,
)
from mmcl_ext.preparation.extraction.command_line import add_run_options, report_step
from mmcl_ext.preparation.person_boxes.person_box_source import ComputedBoxes
from mmcl_ext.preparation.person_boxes.skeleton_boxes import NTUSkeletonBoxes
from mmcl_ext.preparation.videos.nwucla_video import CROPS, NWUCLAVideoSource
from mmcl_ext.preparation.videos.sysu_videos import SYSUVideos
from mmcl_ext.preparation.videos.utdmhad_clips import UTDDepthSource, UTDVideoSource
from mmcl_ext.preparation.videos.video import VIDEO_BACKENDS
from mmcl_ext.preparation.videos.video_folder import VideoFolder
from mmcl_ext.preparation.videos.video_source import VideoSource

Prepared = tuple[ClipSource, SampleStore]


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest='kind', required=True, metavar='KIND')
    add_utdmhad(commands.add_parser('utdmhad', help='depth maps or videos of UTD-MHAD'))
    add_ntu(commands.add_parser('ntu', help='videos of NTU RGB+D, boxed by the .skeleton files'))
    add_nwucla(commands.add_parser('nwucla', help='videos of Northwestern-UCLA'))
    add_sysu(commands.add_parser('sysu', help='images of SYSU 3D HOI'))
    add_videos(commands.add_parser('videos', help='any folder of videos'))
    for command in commands.choices.values():
        add_common(command)
    return parser.parse_args()


def add_utdmhad(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('source', help='folder with Depth/, Depth.zip, RGB/ or RGB.zip of UTD-MHAD')
    parser.add_argument('store', help='annotation store made by convert.py')
    parser.add_argument('out', help='folder for the images')
    parser.add_argument(
        '--modality', choices=('depth', 'rgb'), default='depth', help='which videos are taken'
    )
    parser.add_argument(
        '--depth-stride', type=int, default=1, help='files keep every n-th frame (official: 1)'
    )
    parser.add_argument(
        '--padding', type=finite_number, default=0.1, help='joint to body outline, metres'
    )


def add_ntu(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('videos', help='folder with the *_rgb.avi, however deep')
    parser.add_argument('skeletons', help='folder with the .skeleton files or their archives')
    parser.add_argument('out', help='folder for the images')
    parser.add_argument('--store', help='only the samples of this annotation store')
    parser.add_argument(
        '--persons',
        type=lambda text: int(text) if text.isdecimal() else text,
        default='ntu',
        help="how many of the bodies, the most active ones; 'ntu': one or two by the class",
    )


def add_nwucla(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('videos', help='folder or ZIP archive with the aXX/vYY_sYY_eYY.avi')
    parser.add_argument('store', help='annotation store made by convert.py')
    parser.add_argument('out', help='folder for the images')
    parser.add_argument('--crop', choices=CROPS, default='motion', help='what moves, or all')


def add_sysu(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('source', help='folder with SUBJECT/videoK/rgb, however deep')
    parser.add_argument('store', help='annotation store made by convert.py')
    parser.add_argument('out', help='folder for the images')
    parser.add_argument('--boxes', help='box file made by detect_persons.py; else whole frames')


def add_videos(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('videos', help='folder with the videos or folders of images, however deep')
    parser.add_argument('out', help='folder for the images')
    parser.add_argument(
        '--names',
        nargs=2,
        metavar=('PATTERN', 'NAME'),
        help='regular expression for the end of a path without its ending, and the name of the '
        r"sample: '(a\d+)/(v\d+)_(s\d+)_(e\d+)' '\1_\3_\4_\2'",
    )
    parser.add_argument('--boxes', help='box file made by detect_persons.py; else whole frames')
    parser.add_argument('--store', help='only the samples of this annotation store')


def add_common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('--tiles', type=int, default=5, help='frames per composite')
    parser.add_argument(
        '--size',
        type=int,
        nargs=2,
        default=(480, 480),
        metavar=('W', 'H'),
        help='pixels of an image',
    )
    parser.add_argument(
        '--margin', type=finite_number, default=0.1, help='share of the box on each side'
    )
    parser.add_argument('--order', choices=ORDERS, default='ltr', help='direction of time')
    parser.add_argument(
        '--rule', choices=('center', 'first'), default='center', help='which frames are taken'
    )
    parser.add_argument('--quality', type=int, default=95, help='JPEG quality')
    parser.add_argument('--backend', choices=VIDEO_BACKENDS, default='auto', help='video decoder')
    parser.add_argument(
        '--jobs', type=int, default=min(os.cpu_count() or 1, 8), help='workers of each process'
    )
    parser.add_argument('--contact-sheets', metavar='DIR', help='one overview picture per class')
    add_run_options(parser)


def prepare_utdmhad(args: argparse.Namespace) -> Prepared:
    store = SkeletonStore(args.store)
    if args.modality == 'depth':
        return UTDDepthSource(args.source, args.depth_stride, args.padding), store
    return UTDVideoSource(args.source, args.padding, args.backend), store


def prepare_ntu(args: argparse.Namespace) -> Prepared:
    videos = VideoFolder(args.videos)
    boxes = NTUSkeletonBoxes(args.skeletons, max_persons=args.persons, all_frames=True)
    _ = boxes.names  # a wrong folder shows here, before anything is written
    source = VideoSource(videos, ComputedBoxes(boxes), args.backend)
    return source, SkeletonStore(args.store) if args.store else SampleNames(videos.names)


def prepare_nwucla(args: argparse.Namespace) -> Prepared:
    return NWUCLAVideoSource(args.videos, args.crop, args.backend), SkeletonStore(args.store)


def prepare_sysu(args: argparse.Namespace) -> Prepared:
    store = SkeletonStore(args.store)
    videos = SYSUVideos(args.source, list(store.metadata.get('subjects') or ()))
    boxes = BoxFile(args.boxes) if args.boxes else None
    return VideoSource(videos, boxes, args.backend), store


def prepare_videos(args: argparse.Namespace) -> Prepared:
    videos = VideoFolder(args.videos, naming=args.names and tuple(args.names))
    source = VideoSource(videos, BoxFile(args.boxes) if args.boxes else None, args.backend)
    return source, SkeletonStore(args.store) if args.store else SampleNames(videos.names)


PREPARE: dict[str, Callable[[argparse.Namespace], Prepared]] = {
    'utdmhad': prepare_utdmhad,
    'ntu': prepare_ntu,
    'nwucla': prepare_nwucla,
    'sysu': prepare_sysu,
    'videos': prepare_videos,
}


def write_sheets(args: argparse.Namespace, samples: SampleStore) -> None:
    """Write the contact sheets, by class where classes are known."""
    names = list(samples.names)
    labels, classes = [0] * len(names), ('all',)
    if isinstance(samples, SkeletonStore):
        labels, classes = samples.labels.tolist(), samples.classes
    elif args.kind == 'ntu':
        labels, classes = [NTUName.parse(name).label for name in names], ntu_classes(120)
    sheets = write_contact_sheets(args.out, args.contact_sheets, names, labels, classes)
    print(f'{args.contact_sheets}: {counted(len(sheets), "contact sheet")}')


def make_composites(args: argparse.Namespace) -> CompositeReport:
    source, samples = PREPARE[args.kind](args)
    folder = CompositeFolder(
        args.out,
        num_tiles=args.tiles,
        size=tuple(args.size),
        margin=args.margin,
        rule=args.rule,
        quality=args.quality,
        order=args.order,
    )
    report = folder.fill(
        source, samples, jobs=args.jobs, on_error=args.on_error, progress=not args.quiet
    )
    if args.contact_sheets and get_rank() == 0:
        write_sheets(args, samples)
    return report


def main() -> None:
    args = parse_args()
    report_step(args.launcher, lambda: make_composites(args))


if __name__ == '__main__':
    run_and_exit(main)
