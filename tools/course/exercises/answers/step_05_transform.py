"""Step 5 of a codec: a transform, learned from pictures.

Neighbouring pixels tell much about each other, so coding each on its own is a waste. In the basis of the principal
components of blocks, the coordinates are uncorrelated.

Question: why may one quantise coordinates instead of pixels? Show that an orthonormal basis does not change the sum
of squared errors; and that the covariance of the coordinates is diagonal if the basis has the eigenvectors of the
blocks' covariance.
"""

import numpy as np


def learn_basis(blocks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The mean of N blocks of D numbers, and their principal components: D orthonormal rows, largest variance first."""
    _, vectors = np.linalg.eigh(np.cov(blocks.T))
    return blocks.mean(0), vectors[:, ::-1].T


def analyse(blocks: np.ndarray, mean: np.ndarray, basis: np.ndarray) -> np.ndarray:
    """The coordinates of blocks, N x D."""
    return (blocks - mean) @ basis.T


def synthesise(coordinates: np.ndarray, mean: np.ndarray, basis: np.ndarray) -> np.ndarray:
    """The blocks with these coordinates."""
    return coordinates @ basis + mean


# Answer to the question
# If y = B x and B^T B = I, then |y - y'|^2 = (x - x')^T B^T B (x - x') = |x - x'|^2. The covariance of y is B C B^T;
# if the rows of B are eigenvectors of C, then C B^T = B^T L with L diagonal, so B C B^T = L.
