"""Images of unknown origin."""

import io
import struct

import cv2
import numpy as np
from PIL import Image

MOST_PIXELS = 1 << 26
_FORMATS = ('BMP', 'JPEG', 'PNG', 'WEBP')
_PNG = b'\x89PNG\r\n\x1a\n'


def check_image_size(width: float, height: float) -> None:
    """Refuse images, and frames of videos, that would take all memory."""
    if width * height > MOST_PIXELS:
        raise ValueError(
            f'an image of {width:.0f} x {height:.0f} pixels; at most {MOST_PIXELS} are read'
        )


def decode_image(data: bytes | np.ndarray) -> np.ndarray | None:
    """Decode a BMP, JPEG, PNG or WebP file: uint8 BGR (H, W, 3); None where the bytes are none.

    A ValueError if it has more than 2**26 pixels, which is told before any is decoded.
    """
    content = bytes(data)
    if content.startswith(_PNG) and not _is_png(content):
        return None
    try:
        with Image.open(io.BytesIO(content), formats=_FORMATS) as image:
            width, height = image.size
    except Image.DecompressionBombError as error:
        raise ValueError(str(error)) from error
    except (OSError, ValueError, SyntaxError):
        return None
    check_image_size(width, height)
    try:
        return cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error:  # a side is longer than it reads
        return None


def _is_png(content: bytes) -> bool:
    """Tell whether the file is as long as its parts tell, for which OpenCV would take memory.

    It has one size: Pillow believes the last of several, OpenCV the first.
    """
    start, kinds = len(_PNG), []
    while start + 8 <= len(content) and b'IEND' not in kinds:
        length, kind = struct.unpack_from('>I4s', content, start)
        kinds.append(kind)
        start += 12 + length
    return start <= len(content) and kinds.count(b'IHDR') == 1
