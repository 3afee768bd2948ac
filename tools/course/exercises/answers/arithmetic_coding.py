"""Arithmetic coding: an interval for a message.

A message is a sequence of symbols with known probabilities. Starting from [0, 1), each symbol narrows the interval to
its part of it, in the order of the symbols. Any number in the last interval identifies the message, and it takes about
-log2 of the interval's width bits to write one down: the sum of the symbols' ideal code lengths. Fractions are exact
here; real coders use integers (see range_encode in lic.models.theory.lic_in_200_lines).
"""

from fractions import Fraction


def encode(symbols: list[int], probabilities: list[Fraction]) -> tuple[Fraction, Fraction]:
    """Begin and width of the interval of a message; all its symbols have these probabilities."""
    low, width = Fraction(0), Fraction(1)
    for symbol in symbols:
        low += width * sum(probabilities[:symbol])
        width *= probabilities[symbol]
    return low, width


def decode(number: Fraction, length: int, probabilities: list[Fraction]) -> list[int]:
    """The message of `length` symbols whose interval contains the number."""
    symbols = []
    for _ in range(length):
        symbol = 0
        while number >= probabilities[symbol]:
            number -= probabilities[symbol]
            symbol += 1
        symbols.append(symbol)
        number /= probabilities[symbol]
    return symbols
