"""Answers to the exercises of `checks_of_vae` that are wrong, and answers that are right in another way."""

# ruff: noqa: E501  (a variant is one string, so that it can be found by the text that it replaces)

# exercise: (what the reference answer has, what a learner may write instead, a part of the hint)
WRONG: dict[str, list[tuple[str, str, str]]] = {
    "gaussian_kl": [
        (".sum()", "", "Sum"),
        (" - 0.5)", ")", "itself is zero"),
        ("(deviation_p / deviation_q).log()", "(deviation_q / deviation_p).log()", "wrong sign"),
        ("(2 * deviation_p**2)", "(2 * deviation_q**2)", "s of q and t of p"),
    ],
    "standard_prior": [
        ("(mean - prior_mean) / prior_deviation", "mean / prior_deviation + prior_mean", "slide"),
        ("weight * prior_deviation", "weight / prior_deviation", "multiply"),
        ("(mean - prior_mean) / prior_deviation", "mean / prior_deviation - prior_mean", "before dividing, not after"),
        ("weight @ prior_mean + bias", "bias", "does not depend on z'"),
        (", deviation / prior_deviation", ", deviation * prior_deviation", "1 / t"),
    ],
    "reparametrisation": [
        ("(log_variance / 2).exp()", "log_variance.exp()", "deviation"),
        ("mean + (log_variance / 2).exp()", "mean.detach() + (log_variance / 2).exp()", "differentiable"),
        ("(log_variance / 2).exp()", "log_variance", "find s first"),
        (
            "mean + (log_variance / 2).exp() * epsilon",
            "__import__('torch').normal(mean, (log_variance / 2).exp())",
            "m + s epsilon",
        ),
        ("mean + (log_variance / 2).exp()", "mean + (log_variance / 2).exp().detach()", "differentiable"),
    ],
    "generation": [
        ("torch.linspace(0, 1, steps, dtype=start.dtype)", "(torch.arange(steps) / steps)", "n - 1"),
        ("i = torch.bucketize", "i = 0 * torch.bucketize", "cumulative"),
        (
            "means[i] + deviations[i] * epsilon",
            "(weights * (means + deviations * epsilon[:, None])).sum(1)",
            "do not mix",
        ),
        ("weights.cumsum(0)", "weights", "cumulative"),
        ("* (end - start)", "* end", "start + k"),
    ],
    "linear_autoencoder": [
        ("vectors.flip(1).T[:count]", "vectors.T[:count]", "largest"),
        ("(y - mean) @ components.T @ components + mean", "y @ components.T @ components", "mean zero"),
        ("@ components + mean", "@ components", "Add the mean"),
        ("vectors.flip(1).T[:count]", "vectors.flip(1)[:count]", "eigh"),
        ("vectors.flip(1).T[:count]", "2 * vectors.flip(1).T[:count]", "length one"),
    ],
    "posterior_collapse": [
        (".clamp(max=1)", "", "wider"),
        (".clamp(min=1)", "", "never negative"),
        ("(noise / variances)", "(variances / noise)", "g / v"),
        (".log() / 2", ".log()", "ln(v / g) / 2"),
        ("(noise / variances).clamp(max=1)", "(noise / variances) * (variances > noise)", "the prior"),
    ],
    "l1_against_l2": [
        ("values.mean()", "values.median()", "Exchange"),
        ("values.median()", "values.mean()", "blurs"),
        (" + math.log(2 * scale)", "", "ln 2g"),
        ("values.median()", "values.mode().values", "most frequent"),
        ("values.median()", "values.min()", "smallest"),
        ("values.median()", "(values.min() + values.max()) / 2", "middle between"),
        ("values.median()", "values[len(values) // 2]", "Sort"),
    ],
    "differential_entropy": [
        (
            "0.5 * math.log(2 * math.pi * math.e * deviation**2)",
            "0.5 * math.log2(2 * math.pi * math.e * deviation**2)",
            "bits",
        ),
        ("entropy + math.log(factor)", "entropy - math.log(factor)", "sign"),
        ("(entropy - math.log(width)) / math.log(2)", "entropy - math.log(width)", "nats"),
    ],
}

# exercise: (what the reference answer has, what a learner may write instead)
RIGHT: dict[str, list[tuple[str, str]]] = {
    "gaussian_kl": [
        ("(deviation_p / deviation_q).log()", "deviation_p.log() - deviation_q.log()"),
        (
            "return (squares / (2 * deviation_p**2) + (deviation_p / deviation_q).log() - 0.5).sum()",
            "from torch.distributions import Normal, kl_divergence\n    return kl_divergence(Normal(mean_q, deviation_q), Normal(mean_p, deviation_p)).sum()",
        ),
        (
            "return (squares",
            "return 0.5 * (squares / deviation_p**2 - 1 - 2 * (deviation_q / deviation_p).log()).sum()\n    return (squares",
        ),
    ],
    "standard_prior": [
        ("(mean - prior_mean) / prior_deviation", "mean / prior_deviation - prior_mean / prior_deviation"),
        ("weight * prior_deviation", "weight @ prior_deviation.diag()"),
        ("weight @ prior_mean + bias", "bias + (weight * prior_mean).sum(1)"),
    ],
    "reparametrisation": [
        ("(log_variance / 2).exp()", "log_variance.exp().sqrt()"),
        ("(log_variance / 2).exp()", "log_variance.exp() ** 0.5"),
        ("mean + (log_variance / 2).exp() * epsilon", "epsilon.mul((0.5 * log_variance).exp()).add(mean)"),
    ],
    "generation": [
        (
            "torch.bucketize(uniform, weights.cumsum(0), right=True).clamp(max=len(weights) - 1)",
            "torch.searchsorted(weights.cumsum(0), uniform, right=True)",
        ),
        (
            "torch.bucketize(uniform, weights.cumsum(0), right=True).clamp(max=len(weights) - 1)",
            "(uniform[:, None] >= weights.cumsum(0)[:-1]).sum(1)",
        ),
        (
            "start + torch.linspace(0, 1, steps, dtype=start.dtype)[:, None] * (end - start)",
            "torch.stack([(1 - k / (steps - 1)) * start + k / (steps - 1) * end for k in range(steps)])",
        ),
    ],
    "linear_autoencoder": [
        ("vectors.flip(1).T[:count]", "-vectors[:, -count:].flip(1).T"),
        (
            "_, vectors = torch.linalg.eigh(torch.cov(y.T))  # in rising order\n    return vectors.flip(1).T[:count]",
            "return torch.linalg.svd(y - y.mean(0), full_matrices=False).Vh[:count]",
        ),
        ("(y - mean) @ components.T @ components + mean", "(components.T @ (components @ (y - mean).T)).T + mean"),
    ],
    "posterior_collapse": [
        (
            "(noise / variances).clamp(max=1)",
            "torch_where(variances, noise)\n\n\ndef torch_where(variances, noise):\n    import torch\n    return torch.where(variances > noise, noise / variances, 1.0)",
        ),
        ("(noise / variances).clamp(max=1)", "noise / variances.clamp(min=noise)"),
        (
            "(variances / noise).clamp(min=1).log() / 2",
            "(variances.log() - __import__('math').log(noise)).clamp(min=0) / 2",
        ),
    ],
    "l1_against_l2": [
        ("values.mean()", "values.sum() / len(values)"),
        ("values.median()", "values.sort().values[len(values) // 2]"),
        ("math.log(2 * scale)", "math.log(2) + math.log(scale)"),
    ],
    "differential_entropy": [
        (
            "0.5 * math.log(2 * math.pi * math.e * deviation**2)",
            "math.log(deviation) + (1 + math.log(2 * math.pi)) / 2",
        ),
        ("(entropy - math.log(width)) / math.log(2)", "entropy / math.log(2) - math.log2(width)"),
        ("entropy + math.log(factor)", "entropy - math.log(1 / factor)"),
    ],
}
