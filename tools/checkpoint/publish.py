"""Write a checkpoint to hand out, which needs no configuration."""

import argparse

from mmcl_ext.checkpoints.publish import publish
from mmcl_ext.config.command_line import add_import, import_modules
from mmcl_ext.config.safe_config import add_safe_config
from mmcl_ext.config.user_errors import one_line_errors
from mmcl_ext.fileio.printable import counted, printable


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('model', help='configuration of the training, or published checkpoint')
    parser.add_argument('checkpoint', nargs='?', help='its checkpoint, whole or stripped')
    parser.add_argument(
        'out', help='.pth or .safetensors to write, to whose name a hash is added; or a folder'
    )
    parser.add_argument('--license', help='terms of use, any text')
    parser.add_argument('--commit', help='commit of the source that the training ran with')
    parser.add_argument(
        '--metrics', nargs='+', default=[], metavar='NAME=VALUE', help='results, such as top1=92.1'
    )
    parser.add_argument(
        '--half', action='store_true', help='store weights in float16: half the size'
    )
    add_import(parser)
    add_safe_config(parser)
    return parser.parse_intermixed_args()


def read_metrics(texts: list[str]) -> dict[str, float]:
    metrics = {}
    for text in texts:
        name, _, value = text.partition('=')
        try:
            metrics[name] = float(value)
        except ValueError:
            raise ValueError(f'--metrics takes NAME=VALUE with a number, got {text!r}') from None
    return metrics


@one_line_errors()
def main() -> None:
    args = parse_args()
    import_modules(args.modules)
    known = dict(
        license=args.license, commit=args.commit, metrics=read_metrics(args.metrics) or None
    )
    recipe = {key: value for key, value in known.items() if value is not None}
    published = publish(args.model, args.checkpoint, args.out, recipe, half=args.half)
    info = published.info
    classes = counted(len(info.classes), 'class', 'classes')
    print(printable(f'{info.backbone}, {classes}, layout {info.layout}, stream {info.stream}'))
    print(f'sha256 {published.sha256}')
    print(published.path)


if __name__ == '__main__':
    main()
