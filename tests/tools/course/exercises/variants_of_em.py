"""Answers to the exercises of `checks_of_em` that are wrong, and answers that are right in another way."""

# ruff: noqa: E501  (a variant is one string, so that it can be found by the text that it replaces)

# exercise: (what the reference answer has, what a learner may write instead, a part of the hint)
WRONG: dict[str, list[tuple[str, str, str]]] = {
    "latent_variables": [
        ("torch.logsumexp(log_prior[:, None] + log_likelihood, dim=0)", "log_likelihood.logsumexp(0)", "prior"),
        (
            "torch.logsumexp(log_prior[:, None] + log_likelihood, dim=0)",
            "(log_prior[:, None] + log_likelihood).sum(0)",
            "product",
        ),
        (
            "torch.logsumexp(log_prior[:, None] + log_likelihood, dim=0)",
            "(log_prior[:, None] + log_likelihood).exp().sum(0).log()",
            "logsumexp",
        ),
        ("return log_joint - torch.logsumexp(log_joint, dim=0)", "return log_joint", "Subtract"),
        (
            "return log_joint - torch.logsumexp(log_joint, dim=0)",
            "return (log_joint.exp() / log_joint.exp().sum(0)).log()",
            "Stay with logarithms",
        ),
        (
            "return log_joint - torch.logsumexp(log_joint, dim=0)",
            "return torch.log_softmax(log_joint, dim=1)",
            "not over the observations",
        ),
    ],
    "mixture_em": [
        ("weights.log()[:, None] - (", "-(", "weights"),
        ("torch.softmax(log_joint, dim=0)", "log_joint.exp()", "add up to one"),
        ("responsibilities @ y / counts", "responsibilities @ y / len(y)", "instead of N"),
        ("(y - means[:, None]) ** 2).sum(1)", "y**2).sum(1)", "instead of zero"),
        ("(2 * math.pi * variances[:, None]).log()", "0 * variances[:, None]", "sqrt"),
    ],
    "em_as_ascent": [
        (" - q.log())", ")", "entropy"),
        ("log_weights[:, None] + log_likelihood, dim=0", "log_likelihood, dim=0", "depends on p(z)"),
        ("q.mean(1)", "q.sum(1)", "add up to one"),
    ],
    "hard_em": [
        (
            "torch.nn.functional.one_hot(log_joint.argmax(0), len(log_joint)).T.to(log_joint.dtype)",
            "log_joint.softmax(0)",
            "soft",
        ),
        ("(q * log_joint).sum(0)", "(q * (log_joint - q.log())).sum(0)", "entropy"),
        (
            "torch.nn.functional.one_hot(log_joint.argmax(0), len(log_joint)).T.to(log_joint.dtype)",
            "torch.stack([log_joint[0] >= log_joint[1], log_joint[1] > log_joint[0]]).to(log_joint.dtype)",
            "three",
        ),
        ("(q * log_joint).sum(0)", "(q * log_joint).sum()", "each observation"),
        ("(q * log_joint).sum(0)", "log_joint.amax(0)", "under q"),
    ],
    "em_as_gradient": [
        ("(responsibilities * (y - means[:, None]))", "(y - means[:, None])", "Weight"),
        ("(y - means[:, None])", "(means[:, None] - y)", "sign"),
        ("gradient / responsibilities.sum(1)", "gradient / responsibilities.shape[1]", "1 / N"),
    ],
    "colour_by_segment": [
        ("segments.T @ colours", "colours[segments.argmax(0)]", "most probable"),
        ("segments.log() - ", "-", "P(z|x)"),
        (
            "torch.logsumexp(segments.log() - squares / 2 - 1.5 * math.log(2 * math.pi * variance), dim=0)",
            "(segments * (-squares / 2 - 1.5 * math.log(2 * math.pi * variance))).sum(0)",
            "expectation of the logarithms",
        ),
        ("1.5 * math.log", "0.5 * math.log", "three values"),
    ],
    "elbo_four_ways": [
        ("(log_prior + log_likelihood - q.log())", "(log_prior + log_likelihood)", "log_ratio: That is the hard"),
        (
            "return evidence, (q * (q.log() - log_posterior)).sum()",
            "return log_ratio(log_prior, log_likelihood, q), q.new_zeros(())",
            "evidence_and_kl: ln p(y) does not depend on q",
        ),
        ("return evidence, (q * (q.log()", "return evidence, -(q * (q.log()", "exceed"),
        ("(q * log_likelihood).sum(),", "(q * (log_prior + log_likelihood)).sum(),", "no prior"),
        ("-(q * q.log()).sum()", "(q * q.log()).sum()", "sign of the entropy"),
    ],
    "elbo_estimators": [
        ("log_likelihood - log_q", "log_likelihood", "hard"),
        ("log_likelihood - kl_to_prior", "log_likelihood + kl_to_prior", "sign"),
        ("log_prior + log_likelihood - log_q", "(log_prior + log_likelihood - log_q).mean()", "One value per sample"),
        ("log_prior + log_likelihood - log_q", "log_likelihood - log_q", "p(z)"),
    ],
    "factor_posterior": [
        (
            "torch.linalg.inv(torch.eye(loadings.shape[1], dtype=y.dtype) + loadings.T @ scaled)",
            "torch.eye(loadings.shape[1], dtype=y.dtype) + loadings.T @ scaled",
            "inverse of G",
        ),
        ("return covariance + means", "return means", "covariance is missing"),
        ("return y @ scaled @ covariance, covariance", "return y @ loadings @ covariance, covariance", "Psi^-1"),
        ("loadings / noise[:, None]", "loadings / noise[:, None].sqrt()", "divide the rows"),
    ],
    "mean_field_update": [
        ("mean[0] - precision", "mean[0] + precision", "sign"),
        ("best, 1 / precision[0, 0]", "best, precision.inverse()[0, 0]", "variance of p"),
        ("precision[0, 1] / precision[0, 0]", "precision[0, 1]", "find the top"),
        ("best, 1 / precision[0, 0]", "best, precision[0, 0]", "which variance"),
        ("(mean_of_second - mean[1])", "mean_of_second", "find the top"),
    ],
}

# exercise: (what the reference answer has, what a learner may write instead)
RIGHT: dict[str, list[tuple[str, str]]] = {
    "latent_variables": [
        ("torch.logsumexp(log_prior[:, None] + log_likelihood, dim=0)", "(log_prior + log_likelihood.T).logsumexp(1)"),
        (
            "return torch.logsumexp(log_prior[:, None] + log_likelihood, dim=0)",
            "log_joint = log_prior[:, None] + log_likelihood\n    top = log_joint.amax(0)\n    return top + (log_joint - top).exp().sum(0).log()",
        ),
        ("log_joint - torch.logsumexp(log_joint, dim=0)", "torch.log_softmax(log_joint, 0)"),
    ],
    "mixture_em": [
        ("torch.softmax(log_joint, dim=0)", "log_joint.exp() / log_joint.exp().sum(0)"),
        (
            "(responsibilities * (y - means[:, None]) ** 2).sum(1) / counts",
            "responsibilities @ y**2 / counts - means**2",
        ),
        ("counts / len(y), means", "responsibilities.mean(1), means"),
    ],
    "em_as_ascent": [
        (
            "(q * (log_weights[:, None] + log_likelihood - q.log())).sum(0).mean()",
            "(q * (log_weights[:, None] + log_likelihood) - torch.special.xlogy(q, q)).sum() / q.shape[1]",
        ),
        (
            "torch.softmax(log_weights[:, None] + log_likelihood, dim=0)",
            "torch.log_softmax(log_weights[:, None] + log_likelihood, 0).exp()",
        ),
        ("q.mean(1)", "q.sum(1) / q.sum()"),
    ],
    "hard_em": [
        (
            "torch.nn.functional.one_hot(log_joint.argmax(0), len(log_joint)).T.to(log_joint.dtype)",
            "torch.zeros_like(log_joint).scatter_(0, log_joint.argmax(0)[None], 1)",
        ),
        (
            "torch.nn.functional.one_hot(log_joint.argmax(0), len(log_joint)).T.to(log_joint.dtype)",
            "(log_joint == log_joint.amax(0)).double()",
        ),
        ("(q * log_joint).sum(0)", "torch.einsum('kn,kn->n', q, log_joint)"),
    ],
    "em_as_gradient": [
        ("(responsibilities * (y - means[:, None])).sum(1)", "responsibilities @ y - responsibilities.sum(1) * means"),
        (
            "(responsibilities * (y - means[:, None])).sum(1)",
            "__import__('torch').stack([(r * (y - m)).sum() for r, m in zip(responsibilities, means)])",
        ),
        (
            "means + gradient / responsibilities.sum(1)",
            "(responsibilities.sum(1) * means + gradient) / responsibilities.sum(1)",
        ),
    ],
    "colour_by_segment": [
        ("segments.T @ colours", "(segments[:, :, None] * colours[:, None]).sum(0)"),
        ("segments.T @ colours", "torch.einsum('kn,kc->nc', segments, colours)"),
        (
            "torch.logsumexp(segments.log() - squares / 2 - 1.5 * math.log(2 * math.pi * variance), dim=0)",
            "(segments * (-squares / 2).exp()).sum(0).log() - 1.5 * math.log(2 * math.pi * variance)",
        ),
    ],
    "elbo_four_ways": [
        ("(q * (log_prior + log_likelihood - q.log())).sum()", "(q @ (log_prior + log_likelihood)) - q @ q.log()"),
        (
            "return evidence, (q * (q.log() - log_posterior)).sum()",
            "return [evidence, evidence - log_ratio(log_prior, log_likelihood, q)]",
        ),
        ("-(q * q.log()).sum()", "torch.distributions.Categorical(q).entropy()"),
    ],
    "elbo_estimators": [
        ("log_prior + log_likelihood - log_q", "(log_prior - log_q) + log_likelihood"),
        ("log_prior + log_likelihood - log_q", "(log_prior + log_likelihood - log_q).numpy()"),
        ("log_likelihood - kl_to_prior", "-(kl_to_prior - log_likelihood)"),
    ],
    "factor_posterior": [
        ("return y @ scaled @ covariance, covariance", "return (covariance @ scaled.T @ y.T).T, covariance"),
        (
            "torch.linalg.inv(torch.eye(loadings.shape[1], dtype=y.dtype) + loadings.T @ scaled)",
            "torch.linalg.solve(torch.eye(loadings.shape[1], dtype=y.dtype) + loadings.T @ (1 / noise).diag() @ loadings, torch.eye(loadings.shape[1], dtype=y.dtype))",
        ),
        ("means[:, :, None] * means[:, None, :]", "torch.einsum('ni,nj->nij', means, means)"),
    ],
    "mean_field_update": [
        (
            "precision[0, 1] / precision[0, 0] * (mean_of_second - mean[1])",
            "precision[1, 0] * (mean_of_second - mean[1]) / precision[0, 0]",
        ),
        ("return best, 1 / precision[0, 0]", "return best, precision[0, 0] ** -1"),
        ("mean[0] - precision[0, 1]", "mean[0] + -1.0 * precision[0, 1]"),
    ],
}
