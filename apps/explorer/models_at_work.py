"""Submitted models put to work: loaded for exact inference, and tried on what somebody sends."""

import functools
import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from apps.chain import api as chain
from apps.common import object_store
from apps.explorer.errors import InputTooLarge, NoPictures, PictureUnreadable, WrongValues
from apps.explorer.examples import has_pictures
from protocol.evaluation import FastNetwork, compute_predictions
from protocol.grammar import compute_seed
from protocol.inference import compute_logits
from protocol.model_file import Model, read_model
from protocol.problem import Problem

MOST_PICTURE_BYTES = 2 * 2**20
MOST_PIXELS = 4_000_000
FORMATS = ("PNG", "JPEG")


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """What a model says to one input."""

    x: NDArray[np.uint8]
    """[C, H, W], as the model saw it."""
    logits: Sequence[int]
    prediction: int


@functools.lru_cache(maxsize=8)
def load_model(block_hash: str) -> Model:
    """The model of a block, checked. Raises NotFound, ObjectMissing."""
    block = chain.get_block(block_hash)
    network = chain.get_architecture(block)
    seed = compute_seed(block.previous, block.transactions_root, block.nonce)
    return read_model(object_store.read(block.model), network, seed)


def try_model(model: Model, x: NDArray[np.uint8]) -> Trial:
    """Exact logits of one input [C, H, W]."""
    logits = compute_logits(model, x[None])
    return Trial(x, logits[0].tolist(), int(compute_predictions(logits)[0]))


def prepare(model: Model) -> FastNetwork:
    """The model ready for many inputs."""
    return FastNetwork(model)


def read_values(values: Sequence[int], problem: Problem) -> NDArray[np.uint8]:
    """A row of numbers 0 to 255 as an input [C, H, W]. Raises WrongValues."""
    count = int(np.prod(problem.shape))
    if len(values) != count or not all(type(value) is int and 0 <= value <= 255 for value in values):
        raise WrongValues(count)
    return np.array(values, np.uint8).reshape(problem.shape)


def read_picture(data: bytes, problem: Problem, *, invert: bool = False) -> NDArray[np.uint8]:
    """A PNG or JPEG file as an input [C, H, W] of the problem.

    It is turned upright, made grey where the problem's pictures are, and fitted without distortion onto
    black, which also shows where it is transparent; ``invert`` turns light and dark around.

    Raises NoPictures, InputTooLarge, PictureUnreadable.
    """
    if not has_pictures(problem):
        raise NoPictures(int(np.prod(problem.shape)))
    if len(data) > MOST_PICTURE_BYTES:
        raise InputTooLarge("bytes of a picture", MOST_PICTURE_BYTES)
    channels, height, width = problem.shape
    picture = _decode(data).convert("L" if channels == 1 else "RGB")
    if picture.size != (width, height):
        picture = ImageOps.pad(picture, (width, height), Image.Resampling.LANCZOS, color=0)
    if invert:
        picture = ImageOps.invert(picture)
    pixels = np.asarray(picture, np.uint8).reshape(height, width, channels)
    return np.ascontiguousarray(np.moveaxis(pixels, 2, 0))


def _decode(data: bytes) -> Image.Image:
    try:
        # The size is in the header: what is too large is refused before a pixel of it is decoded.
        with Image.open(io.BytesIO(data), formats=FORMATS) as file:
            if file.width * file.height > MOST_PIXELS:
                raise InputTooLarge("pixels of a picture", MOST_PIXELS)
            upright = ImageOps.exif_transpose(file).convert("RGBA")
    except UnidentifiedImageError:
        raise PictureUnreadable("it is neither PNG nor JPEG") from None
    # What Pillow's decoders raise for broken files.
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise PictureUnreadable(str(error).rstrip(".") or "it is damaged") from None
    ground = Image.new("RGBA", upright.size, (0, 0, 0, 255))
    return Image.alpha_composite(ground, upright)
