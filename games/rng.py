"""Random numbers inside kernels: one 64-bit counter per game (SplitMix64, Steele et al. 2014).

`rng_G[g]` is the whole state of game g's stream, so a stream costs nothing to seed, store or compare.
"""

# A kernel's types are its numba signature, which type checkers cannot read.
# pyright: reportMissingParameterType=false, reportUnknownParameterType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportUnknownMemberType=false

import math

import numpy as np
from numba import float64 as f64

from games.kernel import i64, kernel, u64, words_W

_STEP = np.uint64(0x9E3779B97F4A7C15)
_MIX1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX2 = np.uint64(0x94D049BB133111EB)


@kernel(u64(u64), allocates=False)
def mix(x):
    """A bijection of 64-bit words that spreads every bit over all others."""
    x = (x ^ (x >> np.uint64(30))) * _MIX1
    x = (x ^ (x >> np.uint64(27))) * _MIX2
    return x ^ (x >> np.uint64(31))


@kernel(f64(words_W, i64), allocates=False)
def uniform(rng_G, g):
    """Strictly between 0 and 1."""
    rng_G[g] += _STEP
    return (float(mix(rng_G[g]) >> np.uint64(11)) + 0.5) * (1.0 / 9007199254740992.0)


@kernel(i64(words_W, i64, i64), allocates=False)
def below(rng_G, g, bound):
    """A whole number in [0, bound)."""
    return int(uniform(rng_G, g) * bound)


@kernel(f64(words_W, i64), allocates=False)
def gumbel(rng_G, g):
    """A standard Gumbel variate."""
    return -math.log(-math.log(uniform(rng_G, g)))


@kernel(f64(words_W, i64, f64), allocates=False)
def gamma(rng_G, g, shape):
    """A Gamma(shape, 1) variate after Marsaglia & Tsang 2000; shapes below 1 by their boost."""
    boost = 1.0
    if shape < 1.0:
        boost = uniform(rng_G, g) ** (1.0 / shape)
        shape += 1.0
    d = shape - 1.0 / 3.0
    c = 1.0 / math.sqrt(9.0 * d)
    while True:
        radius = math.sqrt(-2.0 * math.log(uniform(rng_G, g)))
        normal = radius * math.cos(2.0 * math.pi * uniform(rng_G, g))
        v = (1.0 + c * normal) ** 3
        if v > 0.0 and math.log(uniform(rng_G, g)) < 0.5 * normal * normal + d - d * v + d * math.log(v):
            return boost * d * v
