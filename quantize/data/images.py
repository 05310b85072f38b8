"""Images as arrays: decoded, resized, cropped, in the colours and the layout of a model's input."""

from __future__ import annotations

import struct
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from edgewright.converter.program import Array
from edgewright.errors import UsageError
from edgewright.quantize.data.preprocess import ImageSpec
from edgewright.quantize.data.refusal import refused

if TYPE_CHECKING:
    from PIL.Image import Image

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp")
MAX_PIXELS = 64_000_000
COLOR_CHANNELS = {"rgb": 3, "bgr": 3, "grey": 1}


@dataclass(frozen=True)
class ImageReader:
    """Reads images for one input.

    Args:
        spec: From the preprocessing file.
        height, width: Of the result.
        color: Order of the channels; "grey" has one.
        layout: Of the result.
        shape: The input's shape, which the result is reshaped to.
    """

    spec: ImageSpec
    height: int
    width: int
    color: Literal["rgb", "bgr", "grey"]
    layout: Literal["nhwc", "nchw"]
    shape: tuple[int, ...]

    @property
    def channel_axis(self) -> int | None:
        """Axis of the channels in the input; None where it has no four axes."""
        return (1 if self.layout == "nchw" else 3) if len(self.shape) == 4 else None

    def __call__(self, path: Path) -> Array:
        """uint8 array of the input's shape.

        Raises:
            UsageError: EW-DATA-IMAGE (damaged, 16 bits a channel), EW-DATA-SIZE (too many pixels),
                EW-DATA-SHAPE (does not fit, and is not to be resized).
        """
        image = _resized(_decode(path, self.color), self, path)
        pixels = np.asarray(image).reshape(self.height, self.width, -1)
        if self.color == "bgr":
            pixels = pixels[:, :, ::-1]
        if self.layout == "nchw":
            pixels = pixels.transpose(2, 0, 1)
        return np.ascontiguousarray(pixels).reshape(self.shape)


def image_reader(spec: ImageSpec, name: str, shape: tuple[int, ...]) -> ImageReader:
    """The reader for an input, what the specification leaves open taken from the input's shape.

    Args:
        spec: From the preprocessing file.
        name, shape: Of the model's input, batch of 1 included.

    Raises:
        UsageError: EW-DATA-SHAPE where image and input cannot fit, EW-SPEC-VALUE where a key is needed.
    """
    layout = spec.layout or _layout(name, shape)
    if len(shape) == 4 and shape[0] == 1:
        height, width, channels = shape[1:] if layout == "nhwc" else (shape[2], shape[3], shape[1])
    else:
        height, width = spec.crop or (spec.size if isinstance(spec.size, tuple) else (0, 0))
        elements = int(np.prod(shape))
        channels = elements // (height * width) if height else 0
        if not height or channels * height * width != elements:
            hint = "give [image] size or crop = [height, width] whose pixels are the input's elements"
            raise refused("EW-DATA-SHAPE", f"images do not fit input {name} of {list(shape)}", hint)
    color = spec.color or {1: "grey", 3: "rgb"}.get(channels)
    if color is None or COLOR_CHANNELS[color] != channels:
        hint = "[image] layout or color of the preprocessing file may be another"
        what = f"{color} images" if color else "images"
        raise refused("EW-DATA-SHAPE", f"{what} do not fit the {channels} channels of input {name}", hint)
    if spec.crop and spec.crop != (height, width):
        raise _unfit(f"[image] crop = {list(spec.crop)}", name, height, width)
    if isinstance(spec.size, tuple) and not spec.crop and spec.size != (height, width):
        raise _unfit(f"[image] size = {list(spec.size)}", name, height, width)
    return ImageReader(spec, height, width, color, layout, shape)  # type: ignore[arg-type]


def _unfit(key: str, name: str, height: int, width: int) -> UsageError:
    text = f"{key}: input {name} has {height} rows and {width} columns"
    return refused("EW-SPEC-VALUE", text, "crop (or size, without crop) has to be the input's size")


def _layout(name: str, shape: tuple[int, ...]) -> Literal["nhwc", "nchw"]:
    """By the axis that can be channels."""
    if len(shape) != 4:
        return "nhwc"
    first, last = shape[1] in (1, 3), shape[3] in (1, 3)
    if first == last:
        hint = 'say it in a preprocessing file: [image] layout = "nchw" or "nhwc"'
        raise refused("EW-SPEC-VALUE", f"layout of input {name} {list(shape)} is not clear", hint)
    return "nchw" if first else "nhwc"


def _decode(path: Path, color: str) -> Image:
    from PIL import Image, ImageOps

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # the limit below is lower
            with Image.open(path, formats=("PNG", "JPEG", "BMP")) as image:
                if image.width * image.height > MAX_PIXELS:
                    text = f"{path}: {image.width} x {image.height} pixels; at most {MAX_PIXELS}"
                    raise refused("EW-DATA-SIZE", text, "scale it down first")
                if image.mode.startswith(("I", "F")):
                    hint = "save it with 8 bits a channel"
                    raise refused("EW-DATA-IMAGE", f"{path}: has more than 8 bits a channel", hint)
                upright = ImageOps.exif_transpose(image)
                return upright.convert("L" if color == "grey" else "RGB")
    except Image.DecompressionBombError as error:
        raise refused("EW-DATA-SIZE", f"{path}: {error}", "scale it down first") from error
    except (OSError, ValueError, SyntaxError, EOFError, IndexError, KeyError, struct.error) as error:
        hint = "remove or replace the file"
        raise refused("EW-DATA-IMAGE", f"{path}: cannot be read as an image: {error}", hint) from error


def _resized(image: Image, reader: ImageReader, path: Path) -> Image:
    """Resize, then cut the middle out."""
    from PIL.Image import Resampling

    spec, target = reader.spec, (reader.width, reader.height)
    if spec.resize != "none":
        if isinstance(spec.size, int):
            factor = spec.size / min(image.size)
            size = (max(1, round(image.width * factor)), max(1, round(image.height * factor)))
            if size[0] * size[1] > MAX_PIXELS:
                raise refused("EW-DATA-SIZE", f"{path}: {size[0]} x {size[1]} pixels after resizing")
        else:
            size = (spec.size[1], spec.size[0]) if spec.size else target
        filters = {"bilinear": Resampling.BILINEAR, "nearest": Resampling.NEAREST}
        image = image.resize(size, filters[spec.resize]) if size != image.size else image
    if spec.crop is not None and image.width >= target[0] and image.height >= target[1]:
        left, top = (image.width - target[0]) // 2, (image.height - target[1]) // 2
        image = image.crop((left, top, left + target[0], top + target[1]))
    if image.size != target:
        have = f"{image.height} rows and {image.width} columns"
        text = f"{path}: {have}; the input has {reader.height} and {reader.width}"
        raise refused("EW-DATA-SHAPE", text, "resize it: [image] resize, size, crop")
    return image
