"""Step 12 of a codec: a file.

All steps together. A model is what both sides know: the mean and the basis of step 5, and the scales of step 7,
learned from pictures with values 0..255. A file has height and width (two bytes each, the largest first), the step
(four bytes, struct.pack(">f", step)), and the range coder's bytes. Use the step as the file has it (a float32) on
both sides. Symbols are limited to -127..127 and become 0..254 for the coder; they are coded block by block, each
coordinate with the table of its scale.

Question: the tables come from floating-point numbers. What happens if another machine computes one of them a little
differently? (The codec `lic` makes its tables of integers only.)
"""

import struct

import numpy as np
from step_01_quantiser import dequantise, quantise
from step_03_best_step import best_step
from step_04_blocks import from_blocks, to_blocks
from step_05_transform import analyse, learn_basis, synthesise
from step_07_density import fit_scales
from step_08_probabilities import probabilities
from step_09_tables import counts, cumulative
from step_10_range_encoder import encode_symbols
from step_11_range_decoder import decode_symbols

LIMIT = 127


def train(pictures: list[np.ndarray], side: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The model of pictures (H x W x 3, 0..255), for blocks of that side: mean, basis, scales."""
    blocks = np.concatenate([to_blocks(picture.astype(float), side) for picture in pictures])
    mean, basis = learn_basis(blocks)
    return mean, basis, fit_scales(analyse(blocks, mean, basis))


def tables(scales: np.ndarray, step: float) -> list[list[int]]:
    """The table of each coordinate."""
    return [cumulative(counts(probabilities(scale, step, LIMIT), 1 << 16)) for scale in scales]


def encode_picture(picture: np.ndarray, model: tuple[np.ndarray, np.ndarray, np.ndarray], lambda_: float) -> bytes:
    """The file of a picture (H x W x 3, uint8) at this lambda."""
    mean, basis, scales = model
    side = round((len(mean) / 3) ** 0.5)
    header = struct.pack(">HHf", *picture.shape[:2], best_step(lambda_))
    (step,) = struct.unpack(">f", header[4:])
    n = quantise(analyse(to_blocks(picture.astype(float), side), mean, basis), step).clip(-LIMIT, LIMIT)
    return header + encode_symbols((n + LIMIT).ravel().tolist(), tables(scales, step) * len(n))


def decode_picture(data: bytes, model: tuple[np.ndarray, np.ndarray, np.ndarray]) -> np.ndarray:
    """The picture of a file (H x W x 3, uint8, rounded to the nearest grey level)."""
    mean, basis, scales = model
    side = round((len(mean) / 3) ** 0.5)
    height, width, step = struct.unpack(">HHf", data[:8])
    blocks = -(-height // side) * -(-width // side)
    symbols = decode_symbols(data[8:], tables(scales, step) * blocks)
    n = np.array(symbols).reshape(blocks, -1) - LIMIT
    picture = from_blocks(synthesise(dequantise(n, step), mean, basis), height, width, side)
    return (picture + 0.5).clip(0, 255.99).astype(np.uint8)


# Answer to the question
# The tables of the two sides disagree, so from some symbol on the decoder reads other symbols than were written: not
# a small error, but garbage.
