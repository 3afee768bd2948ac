"""Derivations of the chapters' equations, in the notation of docstrings (`mathml`)."""

LATENT_VARIABLES = """
The sum over z is the rule of total probability, and the posterior is Bayes' rule, since p(z, y) can be split in two
ways:

    p(z, y) = p(z) p(y|z) = p(y) p(z|y)
    p(y) = sum_z p(z, y)
    p(z|y) = p(z) p(y|z) / p(y)

For Gaussians over (x, y), write the exponent as a quadratic form in y with x fixed, and complete the square: y given
x is Gaussian, its mean is linear in x, and its covariance does not depend on x. That is what `condition` computes.
"""

EM = """
Take any q(z). As ln p(y) does not depend on z, it is its own expectation, and Bayes' rule splits it:

    ln p(y) = E_q [ln p(z, y) - ln p(z|y)]
    = E_q [ln p(z, y) - ln q(z)] + E_q [ln q(z) - ln p(z|y)]
    = ELBO + KL(q(z), p(z|y))

*E step.* The left side does not depend on q. So the ELBO is largest where the KL is smallest, which is 0, at q(z) =
p(z|y).

*M step.* With q fixed, only E_q ln p(z, y) depends on the model. For the weights maximise sum_i c_i ln w_i, with c_i
the sum over the data of r_i(y), while the weights add up to one. A Lagrange multiplier a gives

    c_i / w_i = a   =>   w_i = c_i / N

since all c_i together are N. For a mean set the derivative of the weighted squares to zero:

    sum_y r_i(y) S_i^-1 (y - m_i) = 0   =>   m_i = sum_y r_i(y) y / c_i

and likewise for the covariance. After an E step the ELBO *is* ln p(y), the M step raises it, and the KL that opens is
never negative. So ln p(y) never falls.
"""

HARD_EM = """
Without the entropy, what is maximised over q is an average of the numbers ln p(z, y). An average is largest if all of
its weight is on the largest number:

    E_q ln p(z, y) <= max_z ln p(z, y)

with equality for a q that is one at the best z. A lecture says that the E step maximises the expected complete
log-likelihood over q: that is this hard one. The E step of EM maximises it together with the entropy of q.
"""

ELBO = """
That the ELBO is a bound is also Jensen's inequality, because the logarithm is concave:

    ln p(y) = ln E_q [p(z, y) / q(z|y)] >= E_q ln [p(z, y) / q(z|y)]

The other forms follow by splitting the logarithm of p(z, y) / q(z|y) in the two ways of Bayes' rule:

    ln [p(z, y) / q(z|y)] = ln p(y) - ln [q(z|y) / p(z|y)]
    = ln p(y|z) - ln [q(z|y) / p(z)]
    = ln p(z, y) - ln q(z|y)

and taking the expectation under q: of the second logarithms in the first two lines it is a KL, of -ln q(z|y) the
entropy.

The EG identity is the derivative of a logarithm, used twice:

    grad ln p(y) = sum_z grad p(z, y) / p(y) = sum_z p(z, y) / p(y) * grad ln p(z, y)

where the factor p(z, y) / p(y) is the posterior p(z|y).
"""

LINEAR = """
*PCA.* Of orthonormal directions U, the squared error of projecting a vector with covariance C on them is what is left
of the variance, tr C - tr U^T C U. It is smallest if U holds the eigenvectors of the largest eigenvalues.

*The marginal.* y is a linear function of independent Gaussians, so it is Gaussian, and covariances add:

    E (y - m)(y - m)^T = W E[z z^T] W^T + Psi = W W^T + Psi

*E step.* The posterior's logarithm is, up to a constant, a quadratic form in z:

    ln p(z|y) = -z^T z / 2 - (y - m - W z)^T Psi^-1 (y - m - W z) / 2
    = -z^T (I + W^T Psi^-1 W) z / 2 + z^T W^T Psi^-1 (y - m)

The matrix in the middle is the inverse of the covariance G, and the top of the form is at G W^T Psi^-1 (y - m).

*M step.* The derivative of E ln p(y|z) by W is zero where

    sum (y - m) E[z]^T = W sum E[z z^T]

which is solved for W; the derivative by each element of Psi gives the mean of the squared residuals in its
coordinate.

*Equal noise.* With Psi = s^2 I the likelihood is largest if W W^T + s^2 I agrees with the covariance of the data
along the leading eigenvectors, and if s^2 is the mean of the remaining eigenvalues. As s^2 goes to 0, the posterior
mean becomes the projection of PCA.
"""

MEAN_FIELD = """
Split off one factor from the ELBO of q(m) q(t), with everything that does not depend on it as a constant:

    ELBO = E_{q(m)} [E_{q(t)} ln p(y, m, t)] - E_{q(m)} ln q(m) + const

Call the expectation in brackets ln f(m) + const, with f a density. Then the ELBO is -KL(q(m), f(m)) + const, and is
largest at q(m) = f(m):

    ln q(m) = E_{q(t)} ln p(y, m, t) + const

The best factor is found among all densities, not in a family. Here ln p(y, m, t) is, as a function of m, quadratic,
so q(m) is Gaussian; as a function of t it is a t + b ln t, so q(t) is a Gamma density. Each update raises the ELBO.
It does not set the KL to the posterior to zero, as a slide says: the posterior does not factorise.
"""

GAUSSIAN_VAE = """
*The KL.* Under q = N(a, s^2) the expectation of (z - b)^2 is its variance plus the squared distance of the means, so

    KL = E_q [ln q(z) - ln p(z)] = -ln s - 1/2 + ln t + E_q (z - b)^2 / 2 t^2
    = (s^2 + (a - b)^2) / 2 t^2 + ln(t / s) - 1/2

*The sample.* If z = a + s epsilon, then (z - a) / s is standard normal, so z ~ N(a, s^2), and

    grad E_q f(z) = E grad f(a + s epsilon)

because the density of epsilon does not depend on a and s: the gradient may be taken inside of the expectation.

*The standard prior.* A KL is an expectation of a ratio of densities of z. In other coordinates both densities change
by the same factor, which cancels. So any Gaussian prior can be made N(0, I), if the decoder's first layer undoes the
change.
"""

NOISY_CHANNEL = """
Multiply and divide by q(z) inside of the logarithm:

    E_x KL(q(z|x), p(z)) = E ln [q(z|x) / q(z)] + E ln [q(z) / p(z)]

The first expectation is I(x, z). In the second nothing depends on x, whose average turns q(z|x) into q(z), so it is
KL(q(z), p(z)), which is never negative.

The weight of the error: with Gaussian noise of variance sigma^2 a picture's -ln p(x|z) is its squared error over 2
sigma^2. Divide by ln 2 and by the number of pixels to have bits per pixel, and note that a pixel has three values, of
which MSE is the mean:

    lambda MSE = 3 MSE / (2 sigma^2 ln 2)   =>   sigma^2 = 3 / (2 lambda ln 2)
"""

DIFFERENTIAL_ENTROPY = """
If y = c x, then probabilities agree, p(y) dy = p(x) dx, so the density of y is p(x) / c, and

    h(c x) = -E ln [p(x) / c] = h(x) + ln c

A bin of width w around a point x has probability p(x) w if it is narrow. So symbols of such bins have the entropy

    H = -E ln [p(x) w] = h(x) - ln w

which grows without limit as w goes to 0. A KL or a mutual information is a difference of two such entropies: the unit
cancels.
"""

RATE_AND_DISTORTION = """
Where steps s are fine, rounding adds an error that is uniform in a step: its mean square is

    integral_(-s/2)^(s/2) u^2 du / s = s^2 / 12

and the rate is h - log2 s. Minimise h - log2 s + lambda k s^2 / 12, for an error that the decoder multiplies by k;
the derivative is zero at

    1 / (s ln 2) = lambda k s / 6   =>   s^2 = 6 / (lambda k ln 2)

Halving the step costs one bit and divides the error by four: 6.02 dB for each bit.
"""

ROUNDING = """
The density of a sum of independent variables is the integral of one density over the other's:

    p(y + u = v) = integral_(v-1/2)^(v+1/2) p(y) dy = F(v + 1/2) - F(v - 1/2)

which at an integer v is the probability of rounding to it. So the noisy rate and the rate of symbols are one
function, at noisy places and at integers. Its q is uniform on an interval of width one: its density is one, ln q = 0,
and the entropy of q, by which the ELBO exceeds the hard ELBO, is zero.
"""

CHOOSING = """
*The bound.* Of all channels q(z|x) with a given mean error, the one of least I(x, z) minimises

    E ln [q(z|x) / r(z)] + s E (x - z)^2        with r(z) = E_x q(z|x)

For r fixed, the derivative by q(z|x), with a multiplier for its sum, is zero at q(z|x) ~ r(z) exp(-s (x - z)^2). For q
fixed, r may be any density, since E ln [q / r] = I(x, z) + KL(E_x q, r) is least for the mean of q. So the two steps
descend, as those of EM do.

*Fine scalar quantisation.* A step D has the error D^2 / 12 and the rate h - log2 D. At the same rate the bound's error
is 2^(2h - 2R) / (2 pi e) where errors are small (Shannon's lower bound), which is D^2 / (2 pi e). The ratio is

    2 pi e / 12 = 1.42, that is 1.53 dB, or 0.25 bits

whatever the density: it is the price of cubes for cells. Cells nearer to balls need several dimensions.

*Why one beginning for each state is enough.* The cost of what follows depends on what came before only through the
state. If two beginnings end in one state, and any continuation is best after the dearer one, then it is better still
after the cheaper one.
"""

ARITHMETIC_CODING = """
An interval of width w contains a multiple of 2^-k as soon as 2^-k <= w, so a message is named by about -log2 w bits.
The width is the product of the symbols' probabilities:

    -log2 w = -sum_i log2 P(n_i)

The decoder knows the interval's parts before each symbol, and finds the one that contains the number. If the tables
were made from a density p while the symbols follow a density f, the mean cost would be

    -E_f log2 p(n) = H(f) + KL(f, p)

so a wrong table costs its KL, in bits, and never less than nothing.
"""

CONDITIONAL = """
Split p(x, y) by the rule of Bayes, and take the expectation of the logarithms:

    H(y|x) = H(x, y) - H(x) = H(y) - I(x, y) <= H(y)

A decoder that has x saves the information I(x, y), if the code for y is made for the conditional probabilities. If
colour were exactly proportional to grey, c = b x with b constant on a surface, then b would be all that is left to
send.
"""

CODEC = """
Divisive normalisation divides a latent by the root of the energy around it. For a pair of latents with the same
random scale, z = s e with e Gaussian, the energy estimates s^2, and the quotient is nearly Gaussian and independent:
a simple density suffices for it.

A context does the same for the code. Latents are the wider, the larger their neighbours are, so a table that is
chosen by decoded neighbours costs, by the argument of the chapter on arithmetic coding, what is left of the KL.
"""
