"""Answers to the twelve steps to a codec that are wrong, and answers that are right in another way."""

# ruff: noqa: E501  (a variant is one string, so that it can be found by the text that it replaces)

# exercise: (what the reference answer has, what a learner may write instead, a part of the hint)
WRONG: dict[str, list[tuple[str, str, str]]] = {
    "step_01_quantiser": [
        ("np.floor(y / step + 0.5).astype", "np.round(y / step).astype", "even one"),
        ("np.floor(y / step + 0.5)", "np.floor(y / step)", "rounds down always"),
        (".astype(np.int64)", "", "integers"),
        ("n * step", "(n + 0.5) * step", "middle"),
        ("step**2 / 12", "step**2 / 4", "largest squared error"),
    ],
    "step_02_rate": [
        ("-np.log2(probabilities[symbols]).sum()", "-np.log(probabilities[symbols]).sum()", "nats"),
        ("-np.log2(probabilities[symbols]).sum()", "-np.log2(probabilities[np.unique(symbols)]).sum()", "comes again"),
        ("-(f * np.log2(f)).sum()", "-(counts[counts > 0] * np.log2(f)).sum()", "per symbol"),
        (
            "frequencies * np.log2(frequencies / probabilities)",
            "probabilities * np.log2(probabilities / frequencies)",
            "with which symbols come",
        ),
        ("np.log2(frequencies / probabilities)", "np.log2(probabilities / frequencies)", "sign"),
    ],
    "step_03_best_step": [
        ("math.sqrt(6 / (lambda_ * math.log(2)))", "6 / (lambda_ * math.log(2))", "square of the step"),
        ("6 / (lambda_ * math.log(2))", "6 / lambda_", "derivative of log2"),
        ("6 / (lambda_ * math.log(2))", "6 * lambda_ / math.log(2)", "finer"),
        ("20 * math.log10(2)", "10 * math.log10(2)", "squared"),
        ("bits + lambda_ * squared_error", "lambda_ * bits + squared_error", "weights the error"),
    ],
    "step_04_blocks": [
        (', mode="edge"', "", "zeros"),
        (".transpose(0, 2, 1, 3, 4).reshape(rows * columns, -1)", ".reshape(rows * columns, -1)", "transpose"),
        ("return padded[:height, :width]", "return padded", "Cut"),
        ("* side * side * 3", "* side * side", "three numbers"),
        ("-(-height // side) * -(-width // side)", "(height // side) * (width // side)", "up"),
    ],
    "step_05_transform": [
        ("vectors[:, ::-1].T", "vectors.T", "largest variance comes first"),
        ("vectors[:, ::-1].T", "vectors[:, ::-1]", "columns"),
        ("(blocks - mean) @ basis.T", "blocks @ basis.T", "Subtract the mean"),
        ("(blocks - mean) @ basis.T", "(blocks - mean) @ basis", "rows are the directions"),
        ("coordinates @ basis + mean", "coordinates @ basis", "Add the mean"),
    ],
    "step_06_coding_gain": [
        ("np.log2(np.sqrt(variances) / step)", "np.log2(variances / step)", "root of the variance"),
        (".mean() / 2)", ".mean())", "half of log2"),
        (".mean() / 2)", ".sum() / 2)", "take the mean"),
        ("(np.log2(before) - np.log2(after)).mean() / 2", "np.log2(before.mean() / after.mean()) / 2", "geometric"),
        (
            "10 * (np.log10(before) - np.log10(after)).mean()",
            "5 * (np.log10(before) - np.log10(after)).mean()",
            "quarter",
        ),
    ],
    "step_07_density": [
        ("np.abs(y).mean(0)", "y.std(0)", "Gaussian"),
        ("np.abs(y).mean(0)", "np.median(np.abs(y), axis=0)", "not the median"),
        ("np.abs(y).mean(0)", "np.abs(y).sum(0)", "Divide"),
        ("np.where(y < 0, below, 1 - below)", "np.exp(y / scale) / 2", "below zero only"),
        ("np.where(y < 0, below, 1 - below)", "np.where(y < 0, 1 - below, below)", "larger number"),
    ],
    "step_08_probabilities": [
        (
            "[[0.0], cdf(edges, scale), [1.0]]",
            "[cdf(edges[:1], scale), cdf(edges, scale), cdf(edges[-1:], scale)]",
            "tails",
        ),
        (
            "return np.diff(below)",
            "n = np.arange(-limit, limit + 1) * step\n    return np.exp(-np.abs(n) / scale) / (2 * scale) * step",
            "not exact",
        ),
        ("+ 0.5) * step", ") * step", "upper end"),
    ],
    "step_09_tables": [
        ("    found[found.argmax()] += total - found.sum()\n", "", "exactly"),
        ("1 + np.floor(p * (total - len(p)))", "np.round(p * total)", "zero"),
        ("found[found.argmax()]", "found[-1]", "most frequent"),
        ("found[found.argmax()]", "found[::-1][found[::-1].argmax()]", "the first"),
        (
            "sums = [0]",
            "sums = []\n    counts = [counts[0], *counts[1:]]\n    sums = [0]\n    counts = counts[:-1]",
            "total is missing",
        ),
    ],
    "step_10_range_encoder": [
        ("unit * table[symbol]\n", "table[symbol]\n", "bytes"),
        ("low << 16, width << 16, size + 2", "low << 8, width << 8, size + 1", "bytes"),
        ('"big"', '"little"', "bytes are not"),
        ("(low + width - 1)", "low", "two bytes"),
    ],
    "step_11_range_decoder": [
        (
            "bisect_right(table, min(value // unit, table[-1] - 1)) - 1",
            "bisect_right(table, value // unit) - 1",
            "IndexError",
        ),
        ("        value -= unit * table[symbol]\n", "", "what was encoded"),
        ("value << 16 |", "value << 16 +", "what was encoded"),
        ("(data + bytes(6))[:6]", "(data + bytes(6))[:4]", "what was encoded"),
    ],
    "step_12_codec": [
        ("return header + encode", "return header[1::-1] + header[2:] + encode", "begins with"),
        ("*picture.shape[:2], best_step", "*picture.shape[1::-1], best_step", "begins with"),
        ("for scale in scales]", "for scale in scales * 0 + scales.mean()]", "too large"),
        (
            "picture = from_blocks(synthesise(dequantise(n, step), mean, basis), height, width, side)",
            "picture = from_blocks(synthesise(dequantise(n, 1.0), mean, basis), height, width, side)",
            "mean squared error",
        ),
    ],
}

# exercise: (what the reference answer has, what a learner may write instead)
RIGHT: dict[str, list[tuple[str, str]]] = {
    "step_01_quantiser": [
        ("np.floor(y / step + 0.5).astype(np.int64)", "((y + step / 2) // step).astype(int)"),
        (
            "np.floor(y / step + 0.5).astype(np.int64)",
            "np.array([math.floor(v / step + 0.5) for v in y])\n\n\nimport math",
        ),
        ("step**2 / 12", "2 * (step / 2) ** 3 / 3 / step"),
    ],
    "step_02_rate": [
        ("float(-np.log2(probabilities[symbols]).sum())", "sum(-np.log2(probabilities[s]) for s in symbols)"),
        (
            "-(f * np.log2(f)).sum()",
            "np.log2(counts.sum()) - (counts[counts > 0] * np.log2(counts[counts > 0])).sum() / counts.sum()",
        ),
        (
            "(frequencies * np.log2(frequencies / probabilities)).sum()",
            "-(frequencies @ np.log2(probabilities)) + frequencies @ np.log2(frequencies)",
        ),
    ],
    "step_03_best_step": [
        ("math.sqrt(6 / (lambda_ * math.log(2)))", "(6 * math.log2(math.e) / lambda_) ** 0.5"),
        ("20 * math.log10(2)", "10 * math.log10(4)"),
        ("bits + lambda_ * squared_error", "squared_error * lambda_ + bits"),
    ],
    "step_04_blocks": [
        (
            "    rows, columns = padded.shape[0] // side, padded.shape[1] // side\n    return padded.reshape(rows, side, columns, side, 3).transpose(0, 2, 1, 3, 4).reshape(rows * columns, -1)",
            "    h, w, _ = padded.shape\n    return np.array([padded[r : r + side, c : c + side].ravel() for r in range(0, h, side) for c in range(0, w, side)])",
        ),
        (
            'np.pad(picture, ((0, -height % side), (0, -width % side), (0, 0)), mode="edge")',
            "picture[np.minimum(np.arange(height + -height % side), height - 1)][:, np.minimum(np.arange(width + -width % side), width - 1)]",
        ),
        (
            "-(-height // side) * -(-width // side) * side * side * 3",
            "((height + side - 1) // side) * ((width + side - 1) // side) * 3 * side**2",
        ),
    ],
    "step_05_transform": [
        (
            "    _, vectors = np.linalg.eigh(np.cov(blocks.T))\n    return blocks.mean(0), vectors[:, ::-1].T",
            "    mean = blocks.mean(0)\n    return mean, np.linalg.svd(blocks - mean, full_matrices=False)[2]",
        ),
        ("vectors[:, ::-1].T", "-vectors.T[::-1]"),
        ("(blocks - mean) @ basis.T", "(basis @ (blocks - mean).T).T"),
    ],
    "step_06_coding_gain": [
        ("np.log2(np.sqrt(variances) / step).mean()", "0.5 * np.log2(variances).mean() - np.log2(step)"),
        (
            "(np.log2(before) - np.log2(after)).mean() / 2",
            "np.log2(np.prod(before) / np.prod(after)) / (2 * len(before))",
        ),
        ("float(10 * (np.log10(before) - np.log10(after)).mean())", "saved_bits(before, after) * 20 * np.log10(2)"),
    ],
    "step_07_density": [
        ("np.abs(y).mean(0)", "np.abs(y).sum(axis=0) / len(y)"),
        ("np.where(y < 0, below, 1 - below)", "0.5 - np.sign(y) * (below - 0.5)"),
        ("np.where(y < 0, below, 1 - below)", "0.5 - 0.5 * np.sign(y) * np.expm1(-np.abs(y) / scale)"),
    ],
    "step_08_probabilities": [
        (
            "    edges = (np.arange(-limit, limit) + 0.5) * step  # between the symbols\n    below = np.concatenate([[0.0], cdf(edges, scale), [1.0]])\n    return np.diff(below)",
            "    n = np.arange(-limit, limit + 1)\n    upper, lower = cdf((n + 0.5) * step, scale), cdf((n - 0.5) * step, scale)\n    upper[-1], lower[0] = 1, 0\n    return upper - lower",
        ),
        ("return np.diff(below)", "return below[1:] - below[:-1]"),
        ("(np.arange(-limit, limit) + 0.5) * step", "np.linspace(0.5 - limit, limit - 0.5, 2 * limit) * step"),
    ],
    "step_09_tables": [
        (
            "    sums = [0]\n    for count in counts:\n        sums.append(sums[-1] + count)\n    return sums",
            "    return [0, *np.cumsum(counts).tolist()]",
        ),
        (
            "    sums = [0]\n    for count in counts:\n        sums.append(sums[-1] + count)\n    return sums",
            "    return [sum(counts[:k]) for k in range(len(counts) + 1)]",
        ),
        (
            "    found = 1 + np.floor(p * (total - len(p))).astype(np.int64)\n    found[found.argmax()] += total - found.sum()\n    return found.tolist()",
            "    found = [1 + int(q * (total - len(p))) for q in p]\n    found[found.index(max(found))] += total - sum(found)\n    return found",
        ),
    ],
    "step_10_range_encoder": [
        (
            "low, width, size = low << 16, width << 16, size + 2",
            "low *= 65536\n            width *= 65536\n            size += 2",
        ),
        ("unit = width >> 16", "unit = width // 2**16"),
        ("while width < 1 << 32:", "while not width >> 32:"),
    ],
    "step_11_range_decoder": [
        (
            "bisect_right(table, min(value // unit, table[-1] - 1)) - 1",
            "max(s for s in range(len(table) - 1) if unit * table[s] <= value)",
        ),
        ("(data + bytes(6))[:6]", "data[:6].ljust(6, b'\\0')"),
        (
            'value << 16 | int.from_bytes(digits, "big"), width << 16',
            "value * 65536 + digits[0] * 256 + digits[1], width * 65536",
        ),
    ],
    "step_12_codec": [
        ("(picture + 0.5).clip(0, 255.99).astype(np.uint8)", "np.rint(picture).clip(0, 255).astype(np.uint8)"),
        ("tables(scales, step) * len(n)", "[table for _ in n for table in tables(scales, step)]"),
        ("(n + LIMIT).ravel().tolist()", "[int(symbol) + LIMIT for block in n for symbol in block]"),
    ],
}
