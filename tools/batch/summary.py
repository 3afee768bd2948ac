"""The outcome of a run in words."""

import math
from collections.abc import Sequence

from lic.tools.batch.jobs import Result

NAMED = 3  # files that are mentioned by name


def summary(results: Sequence[Result], unknown: Sequence[str], seconds: float) -> str:
    """The last line of a run's output.

    >>> results = [Result(5_000_000, 400_000, pixels=3_000_000), Result(after=9, skipped=True), Result(error="damaged")]
    >>> summary(results, ["notes.txt"], 2.0)
    '3 pictures: 1 converted, 1 skipped (up to date), 1 failed, 1 of unknown type left: notes.txt; \
5,000,000 -> 400,000 bytes, 12.5 times smaller; 1.5 megapixels/s'
    """
    new = [r for r in results if not r.settled and not r.kept]
    kept = sum(r.kept and not r.settled for r in results)
    skipped = sum(r.skipped for r in results)
    failed = sum(bool(r.error) for r in results)
    parts = [f"{len(new)} converted"]
    parts += [f"{kept} kept as they are (not smaller)"] if kept else []
    parts += [f"{skipped} skipped (up to date)"] if skipped else []
    parts += [f"{failed} failed"] if failed else []
    if unknown:
        more = f" and {len(unknown) - NAMED} more" if len(unknown) > NAMED else ""
        parts.append(f"{len(unknown)} of unknown type left: {', '.join(unknown[:NAMED])}{more}")
    text = f"{len(results)} {'picture' if len(results) == 1 else 'pictures'}: {', '.join(parts)}"
    if new:
        speed = sum(r.pixels for r in new) / 1e6 / max(seconds, 1e-9)
        text += f"; {sizes(sum(r.before for r in new), sum(r.after for r in new))}; {speed:.2g} megapixels/s"
    return text


def sizes(before: int, after: int) -> str:
    """Two numbers of bytes, and their ratio.

    >>> sizes(1000, 250), sizes(1000, 12326), sizes(0, 5)
    ('1,000 -> 250 bytes, 4.0 times smaller', '1,000 -> 12,326 bytes, 12.3 times larger', '0 -> 5 bytes')
    """
    text = f"{before:,} -> {after:,} bytes"
    if not (before and after):
        return text
    ratio = f"{before / after:.1f} times smaller" if after <= before else f"{after / before:.1f} times larger"
    return f"{text}, {ratio}"


def in_words(result: Result) -> str:
    """A picture that was converted or skipped.

    >>> in_words(Result(1000, 250, pixels=4000, why="the input has changed"))
    '1,000 -> 250 bytes, 4.0 times smaller, 0.500 bits per pixel; again: the input has changed'
    """
    if result.skipped:
        return f"skipped, {result.why}"
    if result.kept:
        return f"{result.before:,} bytes, kept as they are: a .lic file would not be smaller"
    text = sizes(result.before, result.after)
    if result.pixels:
        text += f", {8 * result.after / result.pixels:.3f} bits per pixel"
    if result.psnr is not None:
        text += ", exact" if result.psnr == math.inf else f", PSNR {result.psnr:.2f} dB"
    return f"{text}; again: {result.why}" if result.why else text
