"""Step 4 of a codec: a picture as vectors.

A picture (H x W x 3) is cut into blocks of side x side pixels. Each becomes a vector of 3 side^2 numbers; blocks are
in reading order, and so are the numbers in a block: row, column, colour. Where the sides are no multiples, the
picture is continued by its last row and its last column.

Question: how many numbers does a picture of 21 x 30 pixels have as blocks of 8 x 8, and how many of them are not
needed?
"""

import numpy as np


def to_blocks(picture: np.ndarray, side: int) -> np.ndarray:
    """The blocks of a picture, N x (3 side^2)."""
    height, width, _ = picture.shape
    padded = np.pad(picture, ((0, -height % side), (0, -width % side), (0, 0)), mode="edge")
    rows, columns = padded.shape[0] // side, padded.shape[1] // side
    return padded.reshape(rows, side, columns, side, 3).transpose(0, 2, 1, 3, 4).reshape(rows * columns, -1)


def from_blocks(blocks: np.ndarray, height: int, width: int, side: int) -> np.ndarray:
    """The picture of these blocks, cut to its height and width."""
    rows, columns = -(-height // side), -(-width // side)
    padded = (
        blocks.reshape(rows, columns, side, side, 3).transpose(0, 2, 1, 3, 4).reshape(rows * side, columns * side, 3)
    )
    return padded[:height, :width]


def numbers_in_blocks(height: int, width: int, side: int) -> int:
    """How many numbers the blocks of a picture of that size have."""
    return -(-height // side) * -(-width // side) * side * side * 3


# Answer to the question
# 21 x 30 pixels need 3 x 4 blocks, 12 * 192 = 2304 numbers, of which 3 * (24 * 32 - 21 * 30) = 414 are not needed.
