"""The lectures in order, each topic with the functions that compute it and the figures that show it."""

from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from lic.codec.encode import pipeline
from lic.codec.entropy import contexts, reference, tables
from lic.models import architecture, autoencoder, density, distortion, gdn, quantization, second_look, transforms
from lic.models.theory import colourisation, elbo, em, gaussian, likelihood, noisy_channel, uniform_vae, vae
from lic.tools.course import figures_codec
from lic.tools.fitting import library_fit

Codec = autoencoder.RateDistortionAutoencoder
Density = density.PiecewiseLinearDensity


@dataclass(frozen=True)
class Chapter:
    """A topic: an introduction, modules or classes whose docstrings state it, and the code that computes it."""

    title: str
    introduction: str
    statements: tuple[ModuleType | type, ...]
    code: tuple[Callable[..., Any], ...]  # functions and classes
    figures: tuple[str, ...]


COURSE = (
    Chapter(
        "Latent variables",
        "A latent variable z explains an observation y that it is never seen with. The probability of y is a sum over "
        "all explanations; here y is the colour of a pixel, and z the segment of the picture that it belongs to.",
        (colourisation,),
        (em.Mixture, em.condition, colourisation.colourise, colourisation.colour_log_density),
        ("colourisation",),
    ),
    Chapter(
        "EM",
        "The logarithm of a sum has no closed-form maximum, but the sum of logarithms has one, once the values of z "
        "are filled in. EM alternates between filling in z by its posterior and fitting the model to the result. The "
        "same posterior gives the gradient of ln p(y), if steps of gradient ascent are wanted instead.",
        (em,),
        (em.e_step, em.m_step, em.mixture_elbo, em.fit, elbo.evidence_gradient),
        ("em",),
    ),
    Chapter(
        "Hard EM",
        "Hard EM fills in only the best value of z. It maximises a bound without the entropy of q, which will turn out "
        "to be the cost of a code. The codec's own frequency tables are found this way: each group of latents chooses "
        "the table that codes it in the fewest bits, and each table is refitted to the groups that chose it.",
        (library_fit,),
        (elbo.hard_elbo, library_fit.choose_densities),
        ("hard-em",),
    ),
    Chapter(
        "The ELBO in its four forms",
        "Where the posterior is intractable, another distribution q takes its place, and ln p(y) becomes a bound. Four "
        "ways to write it are equal in value; they differ in what they need in closed form, and as estimators.",
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
        "The Gaussian VAE",
        "In a VAE both p and q are networks around Gaussians, and gradient steps on the ELBO replace E and M steps. "
        "The KL term has a closed form, and a sample of z is a differentiable function of the network's output and of "
        "noise.",
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
        (Codec,),
        (Codec.forward, Codec.transmit, Codec.bits, distortion.mse, distortion.psnr, autoencoder.optimal_step),
        ("rate-distortion",),
    ),
    Chapter(
        "Rounding",
        "Rounding has no useful gradient, so training adds uniform noise in its place. With that noise the codec is a "
        "VAE whose q has no entropy: its loss is the negative ELBO and the negative hard ELBO at once.",
        (quantization, uniform_vae),
        (
            quantization.quantize,
            quantization.soft_round,
            uniform_vae.UniformVae.log_prior,
            uniform_vae.UniformVae.elbo,
            uniform_vae.UniformVae.training_loss,
        ),
        ("noise-and-rounding",),
    ),
    Chapter(
        "Arithmetic coding",
        "A range coder spends -log2 P(n) bits on a symbol, up to a small remainder for the whole file. Encoder and "
        "decoder must agree on P to the last digit, so the density becomes integers, and integers only make the "
        "tables. What is decoded already selects each symbol's table.",
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
        "The codec",
        "All parts together: three strided convolutions with divisive normalisation, gains, rounding, tables by "
        "context, and the mirrored network back. At high rates the encoder looks at the picture a second time.",
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
