"""Checks of the steps to a codec from the quantiser to probabilities; `answer` is the learner's file."""

import math

import numpy as np

from lic.tools.course.exercises.grader import Answer
from lic.tools.course.exercises.verdicts import Wrong, expect


def random(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def step_01_quantiser(answer: Answer) -> None:
    y = np.array([-3.75, -0.5, 0.2, 1.25, 1.3, 4.0])
    expect(
        answer.quantise(y, 0.5),
        [-7, -1, 0, 3, 3, 8],
        "floor(y / step + 1/2).",
        ([-8, -1, 0, 2, 2, 8], "That rounds down always: add one half first."),
        ([-8, -1, 0, 2, 3, 8], "np.round takes the even one of two integers that are equally near."),
    )
    kind = np.asarray(answer.quantise(y, 0.5)).dtype.kind
    if kind != "i":
        raise Wrong("Symbols are integers: use astype(np.int64).")
    expect(answer.dequantise(np.array([-7, 0, 3]), 0.5), [-3.5, 0, 1.5], "n * step: the middle of the interval.")
    expect(
        answer.fine_error(0.5),
        1 / 48,
        "The integral of u^2 / step over one step, which is centred on zero.",
        (1 / 12, "The integral of u^2 has the dimension of u cubed: divide by the step."),
        (1 / 16, "That is the largest squared error; the mean is asked for."),
        (0.125, "That is the mean absolute error."),
    )


def step_02_rate(answer: Answer) -> None:
    p = np.array([0.5, 0.25, 0.25])
    expect(
        answer.code_length(np.array([0, 0, 1, 2]), p),
        6.0,
        "Add up -log2 p of each symbol.",
        (6 * math.log(2), "That is in nats."),
        (1.5, "That is the mean; the sum is asked for."),
        (5.0, "Look up the probability of each symbol, also if it comes again."),
    )
    expect(
        answer.entropy(np.array([4, 0, 2, 2])),
        1.5,
        "-sum f log2 f with f = counts / sum; a symbol that does not occur adds nothing.",
        (1.5 * math.log(2), "That is in nats."),
        (12.0, "That is the sum over all symbols; bits per symbol are asked for."),
    )
    f, q = np.array([0.7, 0.2, 0.1]), np.array([0.4, 0.4, 0.2])
    right = float((f * np.log2(f / q)).sum())
    expect(
        answer.waste(f, q),
        right,
        "The mean cost under the frequencies, minus their entropy: a KL in bits.",
        (float((q * np.log2(q / f)).sum()), "The mean is over the frequencies with which symbols come."),
        (-right, "The sign is wrong: a wrong code never saves anything."),
        (right * math.log(2), "That is in nats."),
    )


def step_03_best_step(answer: Answer) -> None:
    expect(answer.cost(3.0, 0.5, 4.0), 5.0, "bits + lambda * squared error.", (12.5, "lambda weights the error."))
    expect(
        answer.best_step(0.01),
        math.sqrt(600 / math.log(2)),
        "The derivative of -log2 s + lambda s^2 / 12 by s is zero.",
        (600 / math.log(2), "That is the square of the step."),
        (math.sqrt(600), "The derivative of log2 s is 1 / (s ln 2)."),
        (math.sqrt(600 * math.log(2)), "ln 2 is on the wrong side: it makes bits cheaper than nats."),
        (math.sqrt(0.06 / math.log(2)), "A larger lambda asks for a finer step."),
    )
    expect(
        answer.decibels_per_bit(),
        20 * math.log10(2),
        "One bit more halves the step, and the squared error falls to a quarter.",
        (10 * math.log10(2), "The error of a half is squared."),
        (-20 * math.log10(2), "By how many it falls: a positive number."),
    )


def step_04_blocks(answer: Answer) -> None:
    picture = np.arange(5 * 7 * 3).reshape(5, 7, 3)
    padded = np.pad(picture, ((0, 1), (0, 2), (0, 0)), mode="edge")
    wanted = np.array([padded[r : r + 3, c : c + 3].ravel() for r in (0, 3) for c in (0, 3, 6)])
    got = answer.to_blocks(picture, 3)
    expect(
        got,
        wanted,
        "Blocks in reading order, and in each: row, column, colour; sides are padded by their last row and column.",
        (padded.reshape(6, 27), "A reshape alone cuts rows into pieces: transpose in between."),
        (
            np.array(
                [
                    np.pad(picture, ((0, 1), (0, 2), (0, 0)))[r : r + 3, c : c + 3].ravel()
                    for r in (0, 3)
                    for c in (0, 3, 6)
                ]
            ),
            "Continue the picture by its last row and column, not by zeros.",
        ),
    )
    expect(
        answer.from_blocks(wanted, 5, 7, 3),
        picture,
        "The way back, cut to height and width.",
        (padded, "Cut the padding away."),
    )
    expect(answer.from_blocks(np.arange(12)[None], 2, 2, 2), np.arange(12).reshape(2, 2, 3), "It fails for one block.")
    expect(
        answer.numbers_in_blocks(21, 30, 8),
        2304,
        "Blocks per row times blocks per column, each with 3 side^2 numbers; count those that are only partly covered.",
        (768, "A pixel has three numbers."),
        (1890, "Those are the picture's own numbers; blocks are padded."),
        (1152, "Round the number of blocks up."),
    )


def step_05_transform(answer: Answer) -> None:
    blocks = (
        random().normal(size=(300, 4)) @ np.diag([1.0, 5.0, 0.2, 2.0]) @ np.linalg.qr(random(1).normal(size=(4, 4)))[0]
    )
    blocks += [10, 20, 30, 40]
    mean, basis = answer.learn_basis(blocks)
    expect(mean, blocks.mean(0), "The mean of each of the D numbers, over the blocks.")
    _, vectors = np.linalg.eigh(np.cov(blocks.T))
    right = vectors[:, ::-1].T
    if np.shape(basis) != (4, 4):
        raise Wrong("The basis has D rows of D numbers.")
    expect(basis @ basis.T, np.eye(4), "The rows should have length one and be orthogonal.")
    if np.allclose(np.abs(basis @ right[::-1].T), np.eye(4), atol=1e-6):
        raise Wrong("The largest variance comes first: eigh returns the eigenvalues in rising order.")
    expect(np.abs(basis @ right.T), np.eye(4), "The rows are the eigenvectors, which eigh returns as columns.")
    y = (blocks - blocks.mean(0)) @ right.T
    expect(
        answer.analyse(blocks, blocks.mean(0), right),
        y,
        "Subtract the mean, then project on each row of the basis.",
        (blocks @ right.T, "Subtract the mean first."),
        ((blocks - blocks.mean(0)) @ right, "That projects on the columns of the basis; its rows are the directions."),
    )
    expect(
        answer.synthesise(y, blocks.mean(0), right),
        blocks,
        "The coordinates times the rows of the basis, plus the mean.",
        (y @ right, "Add the mean."),
        (y @ right.T + blocks.mean(0), "Use the rows: the inverse of an orthonormal matrix is its transpose."),
    )


def step_06_coding_gain(answer: Answer) -> None:
    before, after = np.array([4.0, 4.0, 4.0, 4.0]), np.array([13.0, 2.0, 0.75, 0.25])
    log = float(np.log2(np.sqrt(before) / 0.5).mean())
    expect(
        answer.relative_bits(before, 0.5),
        log,
        "The mean of log2(deviation / step); the deviation is the root of the variance.",
        (3.0, "The deviation is the root of the variance."),
        (8.0, "Take the mean over the numbers."),
    )
    saved = float((np.log2(before) - np.log2(after)).mean() / 2)
    expect(
        answer.saved_bits(before, after),
        saved,
        "The difference of the mean of log2(deviation) before and after.",
        (2 * saved, "log2 of the deviation is half of log2 of the variance."),
        (4 * saved, "Per number: take the mean."),
        (-saved, "The sign is wrong: equal variances cost more."),
        (0.0, "The arithmetic means are equal; it is the geometric means that count."),
    )
    expect(
        answer.gain_in_decibels(before, after),
        20 * math.log10(2) * saved,
        "One bit is worth 20 log10 2 decibels (step 3).",
        (10 * math.log10(2) * saved, "A bit halves the step, which is a quarter of the squared error."),
    )


def step_07_density(answer: Answer) -> None:
    y = np.array([[1.0, -4.0], [-5.0, 3.0], [0.0, -1.0]])
    expect(
        answer.fit_scales(y),
        [2.0, 8 / 3],
        "The derivative of -sum |y| / g - N ln 2 g is zero at the mean of |y|, for each column.",
        (y.std(0), "That is the deviation, which belongs to a Gaussian."),
        (np.abs(y).mean(1), "One scale for each coordinate, over the N vectors."),
        (np.median(np.abs(y), axis=0), "The mean of |y|, not the median."),
        ([6.0, 8.0], "Divide by N."),
    )
    v = np.array([-3.0, -0.5, 0.0, 0.5, 3.0])
    right = np.where(v < 0, np.exp(v / 2) / 2, 1 - np.exp(-v / 2) / 2)
    expect(
        answer.cdf(v, 2.0),
        right,
        "exp(y / g) / 2 below zero; above it, one minus the value at -y.",
        (np.exp(v / 2) / 2, "That is right below zero only."),
        (np.exp(-np.abs(v) / 2) / 4, "That is the density."),
        (1 - right, "That is the probability of a larger number."),
    )
    expect(
        answer.cdf(np.array([-2000.0, 2000.0]), 1.0),
        [0.0, 1.0],
        "Far from zero it overflows: use exp of -|y| on both sides.",
    )


def step_08_probabilities(answer: Answer) -> None:
    edges = (np.arange(-3, 3) + 0.5) * 0.5
    below = np.where(edges < 0, np.exp(edges / 0.8) / 2, 1 - np.exp(-edges / 0.8) / 2)
    right = np.diff(np.concatenate([[0], below, [1]]))
    got = answer.probabilities(0.8, 0.5, 3)
    expect(
        got,
        right,
        "F at the upper end of each interval minus F at the lower end; the outermost ones reach to infinity.",
        (np.diff(np.concatenate([[below[0]], below, [below[-1]]])), "The two outermost symbols have the tails."),
        (
            np.exp(-np.abs(np.arange(-3, 4) * 0.5) / 0.8) / 1.6 * 0.5,
            "That is density times step, which is not exact: integrate.",
        ),
    )
    expect(answer.probabilities(2.0, 0.7, 20).sum(), 1.0, "They add up to one.")
