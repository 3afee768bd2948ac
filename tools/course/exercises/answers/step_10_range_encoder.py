"""Step 10 of a codec: a range encoder.

The message narrows an interval [low, low + width) of whole numbers, which begins as low = 0, width = 2^48. For each
symbol with the table c (step 9; its total is 2^16) let unit = width // 2^16; then low grows by unit * c[symbol], and
width becomes unit * (c[symbol + 1] - c[symbol]). While width is below 2^32, both are multiplied by 2^16: two more
bytes of precision. (A Python integer has any length, so a carry needs no care.)

In the end, write the number (low + width - 1) // 2^32 as bytes, the largest first: two bytes, and two more for each
multiplication. With zeros behind it, it is a number in the last interval.

Question: why does the file have about -sum log2 P(n) bits? What is lost by rounding width down to a multiple of 2^16?
"""


def encode_symbols(symbols: list[int], tables: list[list[int]]) -> bytes:
    """The bytes of symbols, each with its own table of cumulative counts."""
    low, width, size = 0, 1 << 48, 2
    for symbol, table in zip(symbols, tables, strict=True):
        unit = width >> 16
        low += unit * table[symbol]
        width = unit * (table[symbol + 1] - table[symbol])
        while width < 1 << 32:
            low, width, size = low << 16, width << 16, size + 2
    return ((low + width - 1) >> 32).to_bytes(size, "big")


# Answer to the question
# Each symbol multiplies the width by its probability, and each multiplication by 2^16 costs 16 bits, so that bits and
# width balance. unit is at least 2^16 before rounding down, which loses less than 1 part in 2^16: 0.00002 bits per
# symbol.
