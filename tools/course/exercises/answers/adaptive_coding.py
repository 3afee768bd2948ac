"""Context-adaptive coding.

Encoder and decoder can both count what has been coded so far, so the code may adapt without being sent. Count the
symbols of each context separately, begin all counts at one, and code each symbol with its share of the counts in its
context; only then count it.
"""

import math


def adaptive_bits(symbols: list[int], contexts: list[int], alphabet: int) -> float:
    """The ideal code length of the symbols (0..alphabet - 1), each coded in its context (any integer)."""
    counts: dict[int, list[int]] = {}
    bits = 0.0
    for symbol, context in zip(symbols, contexts, strict=True):
        seen = counts.setdefault(context, [1] * alphabet)
        bits -= math.log2(seen[symbol] / sum(seen))
        seen[symbol] += 1
    return bits
