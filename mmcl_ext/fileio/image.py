"""Images of unknown origin."""

import io

import cv2
import numpy as np
from PIL import Image

MOST_PIXELS = 1 << 26


def check_image_size(width: float, height: float) -> None:
    """Refuse images, and frames of videos, that would take all memory."""
    if width * height > MOST_PIXELS:
        raise ValueError(
            f'an image of {width:.0f} x {height:.0f} pixels; at most {MOST_PIXELS} are read'
        )


def decode_image(data: bytes | np.ndarray) -> np.ndarray | None:
    """Decode an image file: uint8 BGR (H, W, 3); None where the bytes are none.

    Raises:
        ValueError: It has more than 2**26 pixels, which is told before any is decoded.
    """
    content = bytes(data)
    try:
        with Image.open(io.BytesIO(content)) as image:
            width, height = image.size
    except Image.DecompressionBombError as error:
        raise ValueError(str(error)) from error
    except (OSError, ValueError, SyntaxError):
        return None
    check_image_size(width, height)
    return cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
