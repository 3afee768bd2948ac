"""The lectures in order, each topic with the functions that compute it and the figures that show it."""

from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from lic.codec.encode import pipeline
from lic.codec.entropy import contexts, reference, tables
from lic.models import architecture, autoencoder, density, distortion, gdn, pca, quantisation, second_look, transforms
from lic.models.theory import (
    colourisation,
    conditional,
    elbo,
    em,
    factor_analysis,
    gaussian,
    likelihood,
    mean_field,
    noisy_channel,
    trellis,
    uniform_vae,
    vae,
)
from lic.tools.course import derivations, figures_codec
from lic.tools.fitting import library_fit

Codec = autoencoder.RateDistortionAutoencoder
Density = density.PiecewiseLinearDensity


@dataclass(frozen=True)
class Chapter:
    """A topic: an introduction, a derivation, modules or classes whose docstrings state it, and the code."""

    title: str
    introduction: str
    derivation: str
    statements: tuple[ModuleType | type, ...]
    code: tuple[Callable[..., Any], ...]  # functions and classes
    figures: tuple[str, ...]


COURSE = (
    Chapter(
        "Latent variables",
        "A latent variable z explains an observation y that it is never seen with. The probability of y is a sum over "
        "all explanations; here y is the colour of a pixel, and z the segment of the picture that it belongs to.",
        derivations.LATENT_VARIABLES,
        (colourisation,),
        (em.Mixture, em.condition, colourisation.colourise, colourisation.colour_log_density),
        ("colourisation",),
    ),
    Chapter(
        "EM",
        "The logarithm of a sum has no closed-form maximum, but the sum of logarithms has one, once the values of z "
        "are filled in. EM alternates between filling in z by its posterior and fitting the model to the result. The "
        "same posterior gives the gradient of ln p(y), if steps of gradient ascent are wanted instead.",
        derivations.EM,
        (em,),
        (em.e_step, em.m_step, em.mixture_elbo, em.fit, elbo.evidence_gradient),
        ("em",),
    ),
    Chapter(
        "Hard EM",
        "Hard EM fills in only the best value of z. It maximises a bound without the entropy of q, which will turn out "
        "to be the cost of a code. The codec's own frequency tables are found this way: each group of latents chooses "
        "the table that codes it in the fewest bits, and each table is refitted to the groups that chose it.",
        derivations.HARD_EM,
        (library_fit,),
        (elbo.hard_elbo, library_fit.choose_densities),
        ("hard-em",),
    ),
    Chapter(
        "The ELBO in its four forms",
        "Where the posterior is intractable, another distribution q takes its place, and ln p(y) becomes a bound. Four "
        "ways to write it are equal in value; they differ in what they need in closed form, and as estimators.",
        derivations.ELBO,
        (elbo,),
        (
            elbo.elbo,
            elbo.evidence_minus_kl,
            elbo.reconstruction_minus_kl,
            elbo.joint_plus_entropy,
            elbo.importance_weighted_bound,
        ),
        ("elbo",),
    ),
    Chapter(
        "PCA and factor analysis",
        "If z is a vector and y a linear function of it plus noise, everything has a closed form. A linear autoencoder "
        "that is trained by gradient descent ends at the same answer, and the codec's own training begins there.",
        derivations.LINEAR,
        (factor_analysis, pca),
        (
            factor_analysis.FactorAnalysis,
            factor_analysis.em_step,
            factor_analysis.probabilistic_pca,
            factor_analysis.train_linear_autoencoder,
            pca.pca_transforms,
        ),
        (),
    ),
    Chapter(
        "Mean field",
        "Where the posterior of several unknowns is intractable because they depend on each other, q may treat them as "
        "independent. Each factor in turn becomes the best one given the others.",
        derivations.MEAN_FIELD,
        (mean_field,),
        (
            mean_field.update_mean,
            mean_field.update_precision,
            mean_field.mean_field_elbo,
            mean_field.coordinate_ascent,
        ),
        (),
    ),
    Chapter(
        "The Gaussian VAE",
        "In a VAE both p and q are networks around Gaussians, and gradient steps on the ELBO replace E and M steps. "
        "The KL term has a closed form, and a sample of z is a differentiable function of the network's output and of "
        "noise.",
        derivations.GAUSSIAN_VAE,
        (gaussian, vae),
        (
            gaussian.DiagonalGaussian,
            gaussian.kl,
            gaussian.standardise,
            vae.Vae.forward,
            vae.negative_elbo,
            vae.active_units,
        ),
        ("vae-samples", "vae-traversals", "blur"),
    ),
    Chapter(
        "The noisy channel",
        "With noise of a fixed scale around the picture the ELBO is a trade-off between rate and distortion. The rate "
        "is that of a noisy channel: it bounds the information that z carries, though no code is made.",
        derivations.NOISY_CHANNEL,
        (noisy_channel,),
        (
            noisy_channel.noise_variance,
            noisy_channel.rate_and_distortion,
            noisy_channel.information_estimate,
            noisy_channel.gaussian_information,
        ),
        ("rate-bound",),
    ),
    Chapter(
        "Differential entropy",
        "The entropy of a density depends on the unit, may be negative, and is no number of bits that a code could "
        "take. A difference of two entropies, or the probability of one of 256 grey levels, has no unit.",
        derivations.DIFFERENTIAL_ENTROPY,
        (likelihood,),
        (
            likelihood.log_density,
            likelihood.log_probability,
            vae.bits_per_dimension,
            figures_codec.differential_entropy,
            figures_codec.discrete_entropy,
        ),
        ("units", "entropies"),
    ),
    Chapter(
        "Rate and distortion",
        "The codec minimises the bits of its latents plus lambda times the squared error of the decoded picture. A "
        "gain for each channel and lambda sets how finely latents are rounded, so that one network serves all rates.",
        derivations.RATE_AND_DISTORTION,
        (Codec,),
        (Codec.forward, Codec.transmit, Codec.bits, distortion.mse, distortion.psnr, autoencoder.optimal_step),
        ("rate-distortion",),
    ),
    Chapter(
        "Rounding",
        "Rounding has no useful gradient, so training adds uniform noise in its place. With that noise the codec is a "
        "VAE whose q has no entropy: its loss is the negative ELBO and the negative hard ELBO at once.",
        derivations.ROUNDING,
        (quantisation, uniform_vae),
        (
            quantisation.quantise,
            quantisation.soft_round,
            uniform_vae.UniformVae.log_prior,
            uniform_vae.UniformVae.elbo,
            uniform_vae.UniformVae.training_loss,
        ),
        ("noise-and-rounding",),
    ),
    Chapter(
        "Choosing symbols",
        "Rounding takes the nearest point. The encoder may choose another one that costs fewer bits, and it may choose "
        "whole sequences, if a decoder can tell from the symbols before which points the next one has. The bound for "
        "all of this is the rate-distortion function.",
        derivations.CHOOSING,
        (trellis,),
        (
            trellis.level,
            trellis.choose,
            trellis.code_lengths,
            trellis.rate_distortion_function,
        ),
        ("quantisers",),
    ),
    Chapter(
        "Arithmetic coding",
        "A range coder spends -log2 P(n) bits on a symbol, up to a small remainder for the whole file. Encoder and "
        "decoder must agree on P to the last digit, so the density becomes integers, and integers only make the "
        "tables. What is decoded already selects each symbol's table.",
        derivations.ARITHMETIC_CODING,
        (density, tables, contexts, reference),
        (
            Density.cdf,
            Density.probability,
            tables.mass_below,
            tables.frequency_tables,
            contexts.ContextState.estimate,
            contexts.ContextState.choose,
            reference.ReferenceCoder.encode,
        ),
        ("contexts",),
    ),
    Chapter(
        "Conditional coding",
        "A decoder that already has something, such as the grey picture, needs only what is left.",
        derivations.CONDITIONAL,
        (conditional,),
        (conditional.luminance, conditional.ConditionalAutoencoder, conditional.conditional_start),
        (),
    ),
    Chapter(
        "The codec",
        "All parts together: three strided convolutions with divisive normalisation, gains, rounding, tables by "
        "context, and the mirrored network back. At high rates the encoder looks at the picture a second time.",
        derivations.CODEC,
        (transforms, gdn, second_look),
        (
            architecture.balle2017,
            gdn.GDN,
            transforms.depth_to_space,
            second_look.look_again,
            pipeline.encode_picture,
        ),
        ("codec",),
    ),
)
