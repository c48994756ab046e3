"""Invented sentence vectors to search in, made to look like those of encoders in what decides a search's speed.

A sentence is a meaning plus what its wording and its encoder add. Meanings come in topics, so that sentences have
natural neighbours; every language version of a sentence shares 80 % of its variance with the meaning. All variances
follow one power law over the directions of the space, and the axes are then turned at random.

How fast the law falls is the one choice that matters: EXPONENT = 1.1 puts 90 % of the variance into 35 % of 1024
directions and 99 % into 90 % of them. Small English sentence encoders are reported to have 90 % in about a third of
theirs and 99 % in three quarters, which is easier; pooled states of pretrained translation models fall faster still.
`python benchmarks/mining.py --exponent 0.9` (and so on) shows what other choices do.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Float32 = npt.NDArray[np.float32]
Pair = tuple[Float32, Float32]

EXPONENT = 1.1
_SENTENCES_A_TOPIC = 10
_TOPIC_SHARE = 0.4  # of a meaning's variance
_WORDING_SHARE = 0.2  # of a vector's variance
_MEAN_SHARE = 0.7  # of a vector's squared length, under a strong common mean
_MEAN_COSINE = 0.9  # between the two languages' means

# Of `natural_neighbours`: shares of a meaning's variance that its domain and its topic decide, and how sentences come.
_DOMAINS, _DOMAIN_SHARE, _NATURAL_TOPIC_SHARE = 60, 0.15, 0.3
_ZIPF = 0.8  # the r-th largest topic has r^-0.8 times the sentences of the largest
_PARAPHRASED, _PARAPHRASE_SHARE = 0.1, 0.85  # share of the sentences that say another's meaning, and how much of it
_TRANSLATED = 0.7  # share of the sentences that the other language has too


def decaying_spectrum(n: int, dim: int, seed: int, exponent: float = EXPONENT) -> Pair:
    """Sources and targets [n, dim]: translations of each other in different order, around the origin."""
    generator = np.random.default_rng(seed)
    return _shuffled([_unit(side) for side in _languages(n, dim, exponent, generator)], generator)


def strong_common_mean(n: int, dim: int, seed: int, exponent: float = EXPONENT) -> Pair:
    """The same around a long mean, a little different in each language, as pooled states of mBART have one."""
    generator = np.random.default_rng(seed)
    shared, own = _unit(generator.standard_normal((1, dim))), _unit(generator.standard_normal((2, dim)))
    means = _unit(np.sqrt(_MEAN_COSINE) * shared + np.sqrt(1 - _MEAN_COSINE) * own)
    sides = [
        _unit(np.sqrt(1 - _MEAN_SHARE) * _unit(side) + np.sqrt(_MEAN_SHARE) * mean)
        for side, mean in zip(_languages(n, dim, exponent, generator), means, strict=True)
    ]
    return _shuffled(sides, generator)


def natural_neighbours(n: int, dim: int, seed: int, exponent: float = EXPONENT) -> Pair:
    """The hardest of these for an index: every sentence has near neighbours that are not its translation.

    Domains hold topics, topics of very different sizes hold sentences, a tenth of the sentences are paraphrases of
    others, three in ten have no translation, and each language is around its own long mean.
    """
    generator = np.random.default_rng(seed)
    deviations = (np.arange(1, dim + 1) ** (-exponent / 2)).astype(np.float32)
    axes = np.linalg.qr(generator.standard_normal((dim, dim)))[0].astype(np.float32)
    shared = int(n * _TRANSLATED)
    meanings = _natural_meanings(2 * n - shared, deviations, generator)
    common, own = _unit(generator.standard_normal((1, dim))), _unit(generator.standard_normal((2, dim)))
    means = np.sqrt(_MEAN_COSINE) * common + np.sqrt(1 - _MEAN_COSINE) * own
    sides = []
    for said, mean in zip((meanings[:n], meanings[n - shared :]), means, strict=True):
        wordings = generator.standard_normal((n, dim), np.float32) * deviations
        side = _unit(_mixed(wordings, said, _WORDING_SHARE) @ axes)
        side *= np.float32(np.sqrt(1 - _MEAN_SHARE))
        side += np.float32(np.sqrt(_MEAN_SHARE)) * mean.astype(np.float32)
        sides.append(_unit(side)[generator.permutation(n)])
    return sides[0], sides[1]


def _natural_meanings(count: int, deviations: Float32, generator: np.random.Generator) -> Float32:
    """Meanings [count, d] in domains and topics, in random order, with paraphrases."""

    def draw(rows: int) -> Float32:
        return generator.standard_normal((rows, len(deviations)), np.float32) * deviations

    topics = max(1, count // _SENTENCES_A_TOPIC)
    weights = np.arange(1, topics + 1) ** -_ZIPF
    domains, topic_vectors = draw(_DOMAINS), draw(topics)
    domain_of_topic = generator.integers(0, _DOMAINS, topics)
    topic_of = generator.choice(topics, count, p=weights / weights.sum())
    meanings = draw(count)
    meanings *= np.float32(np.sqrt(1 - _DOMAIN_SHARE - _NATURAL_TOPIC_SHARE))
    meanings += np.float32(np.sqrt(_DOMAIN_SHARE)) * domains[domain_of_topic[topic_of]]
    meanings += np.float32(np.sqrt(_NATURAL_TOPIC_SHARE)) * topic_vectors[topic_of]
    paraphrases = generator.permutation(count)[: int(count * _PARAPHRASED)]
    originals = generator.integers(0, count, len(paraphrases))
    meanings[paraphrases] = _mixed(meanings[originals], draw(len(paraphrases)), _PARAPHRASE_SHARE)
    return meanings


def isotropic(n: int, dim: int, seed: int, exponent: float = 0.0) -> Pair:
    """Gaussian vectors with no structure but the translations: no encoder is like this; bounds are at their worst."""
    generator = np.random.default_rng(seed)
    meanings = generator.standard_normal((n, dim), np.float32)
    noise = [generator.standard_normal((n, dim), np.float32) for _ in range(2)]
    return _shuffled([_unit(meanings + 0.5 * part) for part in noise], generator)


DATASETS: dict[str, Callable[[int, int, int, float], Pair]] = {
    "decaying spectrum": decaying_spectrum,
    "strong common mean": strong_common_mean,
    "isotropic": isotropic,
}
INDEXED = {"natural neighbours": natural_neighbours, "decaying spectrum": decaying_spectrum}  # for indexes


def describe(source: Float32, target: Float32) -> str:
    """What decides the difficulty: where the variance is, and how long the common mean."""
    sample = source[:: max(1, len(source) // 4096)].astype(np.float64)
    centred = sample - sample.mean(axis=0)
    variances = np.linalg.eigvalsh(centred.T @ centred)[::-1]
    shares = np.cumsum(variances) / variances.sum()
    ninety, ninety_nine = (int(np.searchsorted(shares, share)) + 1 for share in (0.9, 0.99))
    strangers = float(np.mean(np.sum(source[:-1] * target[1:], axis=1)))
    return (
        f"90 % of the variance in {ninety} of {source.shape[1]} directions, 99 % in {ninety_nine}; "
        f"cosine of strangers {strangers:.2f}"
    )


def _languages(n: int, dim: int, exponent: float, generator: np.random.Generator) -> list[Float32]:
    """Two versions of n meanings [n, dim] on randomly turned axes."""
    deviations = (np.arange(1, dim + 1) ** (-exponent / 2)).astype(np.float32)

    def draw(rows: int) -> Float32:
        return generator.standard_normal((rows, dim), np.float32) * deviations

    topics = draw(max(1, n // _SENTENCES_A_TOPIC))
    meanings = _mixed(topics[generator.integers(0, len(topics), n)], draw(n), _TOPIC_SHARE)
    axes = np.linalg.qr(generator.standard_normal((dim, dim)))[0].astype(np.float32)
    return [_mixed(draw(n), meanings, _WORDING_SHARE) @ axes for _ in range(2)]


def _mixed(first: Float32, second: Float32, share: float) -> Float32:
    return np.float32(np.sqrt(share)) * first + np.float32(np.sqrt(1 - share)) * second


def _unit(rows: npt.NDArray[np.floating]) -> Float32:
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


def _shuffled(sides: list[Float32], generator: np.random.Generator) -> Pair:
    """A translation's row number tells nothing."""
    return np.ascontiguousarray(sides[0]), np.ascontiguousarray(sides[1][generator.permutation(len(sides[1]))])
