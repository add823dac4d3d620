"""Export a trained model to ONNX, TorchScript or torch.export, checked against PyTorch."""

import argparse

from mmcl_ext.config.command_line import add_import, finite_number, import_modules
from mmcl_ext.config.safe_config import add_safe_config
from mmcl_ext.config.user_errors import one_line_errors
from mmcl_ext.deployment import export as exporting
from mmcl_ext.fileio.printable import counted


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('model', help='published checkpoint, or configuration of the training')
    parser.add_argument('checkpoint', nargs='?', help='its checkpoint, if it is a configuration')
    parser.add_argument('out', help='file to write: .onnx, .ts or .pt2')
    parser.add_argument(
        '--format', choices=tuple(exporting.SUFFIXES), default='onnx', help='kind of the file'
    )
    parser.add_argument(
        '--clips', metavar='STORE', help='store or annotation .pkl with clips to check with'
    )
    parser.add_argument('--num-clips', type=int, default=32, help='how many of them')
    parser.add_argument(
        '--tolerance',
        type=finite_number,
        default=1e-4,
        help='largest difference of a logit, relative to the largest one',
    )
    parser.add_argument('--window', type=int, help='frames of a clip, where the pipeline has none')
    add_import(parser)
    add_safe_config(parser)
    return parser.parse_intermixed_args()


@one_line_errors(ModuleNotFoundError)
def main() -> None:
    args = parse_args()
    import_modules(args.modules)
    exported = exporting.export(
        args.model,
        args.checkpoint,
        args.out,
        kind=args.format,
        clips=args.clips,
        num_clips=args.num_clips,
        tolerance=args.tolerance,
        window=args.window,
    )
    source = args.clips or 'generated skeletons (--clips checks with real ones)'
    print(f'checked with {source}; allowed difference {args.tolerance:.0e}')
    for check in exported.checks:
        print(
            f'{check.runtime:12} {counted(check.clips, "clip")}, '
            f'difference {check.difference:.1e}, same class {check.agreement:.1%}'
        )
    print(f'{exported.path} ({exported.path.stat().st_size / 2**20:.1f} MiB)')


if __name__ == '__main__':
    main()
