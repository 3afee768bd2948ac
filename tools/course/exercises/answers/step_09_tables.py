"""Step 9 of a codec: tables of whole numbers.

The coder works with integers: each symbol gets a count of at least 1, and all counts of a table add up to `total`
exactly. Here symbol k first gets 1 + floor(p_k (total - K)), K being the number of symbols, and the most frequent
symbol (of several, the first) gets what is left. The coder needs the sums below each symbol: 0, c_0, c_0 + c_1, ...,
total.

Question: why may no count be zero? And by how many bits at most is a symbol more expensive than -log2 p_k, if total
is 2^16 and K is 255?
"""

import numpy as np


def counts(p: np.ndarray, total: int) -> list[int]:
    """The counts of K symbols with the probabilities p."""
    found = 1 + np.floor(p * (total - len(p))).astype(np.int64)
    found[found.argmax()] += total - found.sum()
    return found.tolist()


def cumulative(counts: list[int]) -> list[int]:
    """The sums below each symbol, and the total: K + 1 numbers."""
    sums = [0]
    for count in counts:
        sums.append(sums[-1] + count)
    return sums


# Answer to the question
# A symbol of count zero has an empty interval: no number identifies it. The count exceeds p_k (total - K), so the
# cost is at most -log2 p_k - log2(1 - K / total), 0.0056 bits more.
