"""Still pictures as if they were frames of a video, so that both are scaled by the same code.

Axes: H height, W width, C channels (3, RGB).
"""

import re
import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np
from av.video.frame import VideoFrame
from PIL import Image, ImageOps, UnidentifiedImageError

from cpd_model.encoder import Frames
from index.errors import NotAVideoError, VideoError
from index.video.extensions import PICTURE_EXTENSIONS
from index.video.picture import Shape

_FORMATS = ("AVIF", "BMP", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
"""Pillow's readers that may look at a file; others start programs (EPS) or read text as pixels."""


class Still(NamedTuple):
    """A picture in the form that a decoder hands out frames."""

    frame: VideoFrame
    shape: Shape


def read_still(path: Path) -> Still:
    """The picture in a file, turned as its EXIF tag says, alpha left out.

    Of a file with several pictures (animated WebP, multi-page TIFF) it is the first.

    Raises:
        NotAVideoError: its content is no picture.
        VideoError: it cannot be read, is damaged, or has too many pixels to be opened safely.
    """
    picture_HWC = _decode(path)
    try:
        frame = VideoFrame.from_ndarray(picture_HWC, format="rgb24")
    except (ValueError, MemoryError) as error:
        raise VideoError(path, f"FFmpeg cannot hold a picture of its size: {error}") from error
    height, width = picture_HWC.shape[:2]
    return Still(frame, Shape(width, height, 1.0, 0))


def is_still(path: Path) -> bool:
    """Whether a file's content begins like a picture, whatever its name; its pixels stay unread."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(path, formats=_FORMATS):
                return True
    except Image.DecompressionBombError:
        return True
    except Exception:  # see _decode
        return False


def stills_in(folder: Path) -> list[Path]:
    """The pictures of a folder of frames by natural order: img2 before img10.

    Other files, hidden ones and folders are passed over.

    Raises:
        VideoError: the folder cannot be listed, or holds no picture.
    """
    try:
        pictures = [
            path
            for path in folder.iterdir()
            if path.suffix.lower() in PICTURE_EXTENSIONS
            and not path.name.startswith(".")
            and path.is_file()
        ]
    except OSError as error:
        raise VideoError(folder, (error.strerror or str(error)).lower()) from error
    if not pictures:
        raise VideoError(folder, "the folder holds no picture (jpg, png, webp, bmp, tiff ...)")
    return sorted(pictures, key=_natural)


def _natural(path: Path) -> tuple[list[str | int], str]:
    # Splitting at digits gives text and number by turns, so the lists compare.
    parts = re.split("([0-9]+)", path.name)
    return [int(part) if place % 2 else part for place, part in enumerate(parts)], path.name


def _decode(path: Path) -> Frames:
    """uint8 (H, W, 3)."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # odd EXIF tags and palettes are read as they can be
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path, formats=_FORMATS) as image:
                return np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
    except FileNotFoundError as error:
        raise VideoError(path, "there is no such file") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        limit = f"{Image.MAX_IMAGE_PIXELS:,}" if Image.MAX_IMAGE_PIXELS else "too many"
        raise VideoError(path, f"its picture has more than {limit} pixels") from error
    except UnidentifiedImageError as error:
        raise NotAVideoError(path, "its content is not a picture that Pillow knows") from error
    except Exception as error:  # Pillow's readers raise whatever they trip over in a damaged file
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise VideoError(path, reason[:1].lower() + reason[1:]) from error
