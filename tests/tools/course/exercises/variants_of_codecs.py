"""Answers to the exercises of `checks_of_codecs` that are wrong, and answers that are right in another way."""

# ruff: noqa: E501  (a variant is one string, so that it can be found by the text that it replaces)

# exercise: (what the reference answer has, what a learner may write instead, a part of the hint)
WRONG: dict[str, list[tuple[str, str, str]]] = {
    "rate_bound": [
        (".log()).sum(1).mean()", ".log()).sum()", "mean over y"),
        ("(marginal * (marginal / prior)", "(prior * (prior / marginal)", "other way round"),
        ("channel.mean(0)).log()", "channel.sum(0)).log()", "mean over y"),
        ("(channel / prior).log()", "(channel / channel.mean(0)).log()", "to p(z)"),
        (
            "return (channel * (channel / channel.mean(0)).log()).sum(1).mean()",
            "return (channel * (channel / channel.mean(0)).log2()).sum(1).mean()",
            "in bits",
        ),
    ],
    "trade_off": [
        ("3 / (2 * lambda_ * math.log(2))", "1 / (2 * lambda_ * math.log(2))", "three values"),
        ("3 / (2 * lambda_ * math.log(2))", "3 / (2 * lambda_)", "ln 2"),
        ("lambda_ * distortions", "distortions / lambda_", "large lambda"),
    ],
    "divisive_normalisation": [
        ('"ij,bjhw->bihw"', '"ji,bjhw->bihw"', "transposed"),
        ("x / pool.sqrt()", "x / pool", "square root"),
        ("x / pool.sqrt()", "x * pool.sqrt()", "inverse"),
    ],
    "sub_pixel": [
        ("x.permute(0, 3, 4, 1, 5, 2)", "x", "permute"),
        (
            "x = x.reshape(b, r, r, channels // r**2, height, width)",
            "return __import__('torch').pixel_shuffle(x, r)",
            "fastest",
        ),
        ("r**2", "4", "invalid"),
        (
            "x.reshape(b, r, r, channels // r**2, height, width)",
            "x.reshape(b, channels // r**2, r, r, height, width).permute(0, 2, 3, 1, 4, 5)",
            "fastest",
        ),
        ("x.permute(0, 3, 4, 1, 5, 2)", "x.permute(0, 3, 4, 2, 5, 1)", "permute"),
    ],
    "noise_and_rounding": [
        ("(y + 0.5).floor()", "y.round()", "even"),
        ("cdf(v + 0.5) - cdf(v - 0.5)", "cdf(v + 1) - cdf(v)", "centred"),
        ("(round_half_up(y) - y).detach()", "(round_half_up(y) - y)", "gradient"),
        ("y + (round_half_up(y) - y).detach()", "round_half_up(y).detach()", "no gradient"),
    ],
    "piecewise_linear": [
        ("below[i] + t * (heights[i] + at_y) / 2", "below[i]", "missing"),
        ("(heights[i] + at_y) / 2", "heights[i]", "trapezium"),
        ("(heights[i + 1] - heights[i]) * t / widths[i]", "(heights[i + 1] - heights[i]) * t", "y's own segment"),
        ("(heights[1:] + heights[:-1]) / 2", "heights[1:]", "areas"),
    ],
    "arithmetic_coding": [
        ("low += width * sum", "low += sum", "relative"),
        ("number >= probabilities[symbol]", "number > probabilities[symbol]", "belongs"),
        ("Fraction(0), Fraction(1)", "0.0, 1.0", "53 bits"),
        (
            "low += width * sum(probabilities[:symbol])\n        width *= probabilities[symbol]",
            "width *= probabilities[symbol]\n        low += width * sum(probabilities[:symbol])",
            "before",
        ),
        ("probabilities[:symbol]", "probabilities[:symbol + 1]", "smaller symbols"),
    ],
    "adaptive_coding": [
        ("setdefault(context,", "setdefault(0,", "share"),
        (
            "bits -= math.log2(seen[symbol] / sum(seen))\n        seen[symbol] += 1",
            "seen[symbol] += 1\n        bits -= math.log2(seen[symbol] / sum(seen))",
            "before",
        ),
        ("[1] * alphabet", "[1] * (max(symbols) + 1)", "all have a count"),
        ("math.log2(seen", "math.log(seen", "nats"),
        ("[1] * alphabet", "[1e-9] * alphabet", "begin at one"),
    ],
    "conditional_coding": [
        ("joint.sum(0)", "joint.sum(1)", "H(x)"),
        ("joint.sum(1, keepdim=True)", "joint.sum(0)", "H(x|y)"),
        ("log2()).sum()\n\n\ndef", "log()).sum()\n\n\ndef", "nats"),
        (
            "-(joint * (joint / joint.sum(1, keepdim=True)).log2()).sum()",
            "(joint * (joint / joint.sum(1, keepdim=True) / joint.sum(0)).log2()).sum()",
            "what x saves",
        ),
    ],
    "hierarchy": [
        ("-prior.log2() - conditional", "-conditional", "itself"),
        (
            "-torch.logsumexp(prior.log() + conditional[:, z].log().sum(1), dim=0) / torch.tensor(2.0).log()",
            "-(prior @ conditional)[z].log2().sum()",
            "whole block",
        ),
        ("conditional[:, z].log2().sum(1)", "conditional[:, z].log().sum(1)", "add -log2 P(s)"),
        ("int(costs.argmin())", "int(prior.argmax())", "cheapest"),
        ("dim=0) / torch.tensor(2.0).log()", "dim=0)", "nats"),
    ],
    "case_study": [
        ("8 * size", "size", "bytes per pixel"),
        ("a.astype(float)", "a", "Convert to float"),
        ("8 * size / (width * height)", "8 * size / (3 * width * height)", "a pixel has three"),
        ("(a.astype(float) - b)", "(a.astype('int16') - b)", "16 bits"),
        ("10 * np.log10", "20 * np.log10", "10 log10"),
        ("255**2", "a.max().astype(float) ** 2", "10 log10"),
    ],
}

# exercise: (what the reference answer has, what a learner may write instead)
RIGHT: dict[str, list[tuple[str, str]]] = {
    "rate_bound": [
        (
            "(channel * (channel / channel.mean(0)).log()).sum(1).mean()",
            "(channel * (channel.log() - channel.mean(0).log())).sum() / len(channel)",
        ),
        ("(channel * (channel / prior).log()).sum(1).mean()", "mutual_information(channel) + excess(channel, prior)"),
        ("(marginal * (marginal / prior).log()).sum()", "marginal @ (marginal.log() - prior.log())"),
    ],
    "trade_off": [
        ("3 / (2 * lambda_ * math.log(2))", "1.5 / lambda_ / math.log(2)"),
        (
            "int((rates + lambda_ * distortions).argmin())",
            "min(range(len(rates)), key=lambda k: rates[k] + lambda_ * distortions[k])",
        ),
        ("int((rates + lambda_ * distortions).argmin())", "(rates / lambda_ + distortions).argmin()"),
    ],
    "divisive_normalisation": [
        (
            'torch.einsum("ij,bjhw->bihw", gamma, x**2) + beta[:, None, None]',
            "torch.nn.functional.conv2d(x * x, gamma[:, :, None, None], beta)",
        ),
        ('torch.einsum("ij,bjhw->bihw", gamma, x**2)', "(gamma @ x.square().flatten(2)).reshape(x.shape)"),
        ("x / pool.sqrt()", "x * pool.rsqrt()"),
    ],
    "sub_pixel": [
        ("return x.permute(0, 3, 4, 1, 5, 2)", "return x.permute(0, 3, 4, 1, 5, 2).contiguous()"),
        (
            "    b, channels, height, width = x.shape\n",
            "    import torch\n    b, channels, height, width = x.shape\n    c = channels // r**2\n    out = x.new_zeros(b, c, height * r, width * r)\n    for i in range(r):\n        for j in range(r):\n            out[:, :, i::r, j::r] = x[:, (i * r + j) * c : (i * r + j + 1) * c]\n    return out\n",
        ),
        (
            "    b, channels, height, width = x.shape\n",
            "    import torch\n    b, channels, height, width = x.shape\n    return torch.pixel_shuffle(x.reshape(b, r * r, channels // r**2, height, width).transpose(1, 2).reshape(x.shape), r)\n",
        ),
    ],
    "noise_and_rounding": [
        ("(y + 0.5).floor()", "y.floor() + (y - y.floor() >= 0.5)"),
        ("cdf(v + 0.5) - cdf(v - 0.5)", "-(cdf(v - 0.5) - cdf(v + 0.5))"),
        ("y + (round_half_up(y) - y).detach()", "round_half_up(y).detach() + y - y.detach()"),
    ],
    "piecewise_linear": [
        ("t * (heights[i] + at_y) / 2", "heights[i] * t + (heights[i + 1] - heights[i]) / widths[i] * t**2 / 2"),
        ("torch.bucketize(y, knots[1:-1])", "(torch.searchsorted(knots, y, right=True) - 1).clamp(0, len(widths) - 1)"),
        ("((heights[1:] + heights[:-1]) / 2 * widths)", "((heights[:-1] + heights.diff() / 2) * widths)"),
    ],
    "arithmetic_coding": [
        (
            "low += width * sum(probabilities[:symbol])\n        width *= probabilities[symbol]",
            "low, width = low + sum(probabilities[:symbol]) * width, width * probabilities[symbol]",
        ),
        ("Fraction(0), Fraction(1)", "0, 1"),
        (
            "        symbol = 0\n        while number >= probabilities[symbol]:\n            number -= probabilities[symbol]\n            symbol += 1\n",
            "        symbol = max(s for s in range(len(probabilities)) if sum(probabilities[:s]) <= number)\n        number -= sum(probabilities[:symbol])\n",
        ),
    ],
    "adaptive_coding": [
        ("math.log2(seen[symbol] / sum(seen))", "(math.log(seen[symbol]) - math.log(sum(seen))) / math.log(2)"),
        (
            "seen = counts.setdefault(context, [1] * alphabet)",
            "if context not in counts:\n            counts[context] = [1 for _ in range(alphabet)]\n        seen = counts[context]",
        ),
        (
            "    for symbol, context in zip(symbols, contexts, strict=True):\n        seen",
            "    from collections import Counter\n    pairs, each = Counter(), Counter()\n    for symbol, context in zip(symbols, contexts):\n        bits -= math.log2((1 + pairs[symbol, context]) / (alphabet + each[context]))\n        pairs[symbol, context] += 1\n        each[context] += 1\n    return bits\n    for symbol, context in zip(symbols, contexts, strict=True):\n        seen",
        ),
    ],
    "conditional_coding": [
        ("-(marginal * marginal.log2()).sum()", "float(-sum(p * p.log2() for p in marginal))"),
        (
            "-(joint * (joint / joint.sum(1, keepdim=True)).log2()).sum()",
            "-(joint * joint.log2()).sum() + (joint.sum(1) * joint.sum(1).log2()).sum()",
        ),
        (
            "-(joint * (joint / joint.sum(1, keepdim=True)).log2()).sum()",
            "sum(bits(row[None] / row.sum()) * row.sum() for row in joint)",
        ),
    ],
    "hierarchy": [
        ("int(costs.argmin()), costs.min()", "min(range(len(costs)), key=lambda s: costs[s]), min(costs)"),
        ("-prior.log2() - conditional[:, z].log2().sum(1)", "-(prior * conditional[:, z].prod(1)).log2()"),
        (
            "-torch.logsumexp(prior.log() + conditional[:, z].log().sum(1), dim=0) / torch.tensor(2.0).log()",
            "-(prior @ conditional[:, z].prod(1)).log2()",
        ),
    ],
    "case_study": [
        ("8 * size / (width * height)", "size * 8 / width / height"),
        (
            "float(10 * np.log10(255**2 / np.mean((a.astype(float) - b) ** 2)))",
            "20 * np.log10(255 / np.sqrt(np.mean(np.square(a.astype(np.float32) - b))))",
        ),
        ("(a.astype(float) - b)", "(a.astype(np.int32) - b.astype(np.int32))"),
    ],
}
