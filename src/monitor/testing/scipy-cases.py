"""Writes scipy-cases.json: samples and what scipy and numpy say of them. Run with scipy 1.17: python scipy-cases.py > scipy-cases.json"""

import json
import warnings

import numpy as np
from scipy import stats

random = np.random.default_rng(20261121)
warnings.simplefilter("ignore")  # an exact p-value of nearly 0 or 1 needs no advice


def shapes(n, m):
    """Pairs of samples: alike, moved, wider, tied, constant, apart, skewed."""
    normal = random.standard_normal
    yield "alike", normal(n), normal(m)
    yield "moved by half a deviation", normal(n), normal(m) + 0.5
    yield "twice as wide", normal(n), 2 * normal(m)
    yield "tied to a few whole numbers", random.integers(0, 6, n), random.integers(1, 7, m)
    yield "one constant, one not", np.full(n, 0.25), np.round(normal(m), 1)
    yield "far apart", random.random(n), random.random(m) + 3
    yield "skewed", random.exponential(1, n), random.gamma(2, 0.5, m)


def pair_case(says, a, b):
    # Three decimals keep the file small; scipy is given what is written.
    a, b = [round(float(x), 3) for x in a], [round(float(x), 3) for x in b]
    test = stats.ks_2samp(a, b, method="exact")
    return dict(
        says=f"{len(a)} and {len(b)} values, {says}", a=a, b=b, ksDistance=float(test.statistic), ksP=float(test.pvalue),
        wasserstein=float(stats.wasserstein_distance(a, b)),
        mean=float(np.mean(b)), sum=float(np.sum(b)), deviation=float(np.std(b)),
        quantiles=[float(q) for q in np.quantile(b, [0, 0.05, 0.25, 0.5, 0.75, 0.95, 1])],
    )


def table_case(classes, n, m, tilt):
    shares = random.dirichlet(np.ones(classes))
    other = shares * np.exp(tilt * random.standard_normal(classes))
    a = random.multinomial(n, shares)
    b = random.multinomial(m, other / other.sum())
    seen = (a + b) > 0
    test = stats.chi2_contingency([a[seen], b[seen]], correction=False)
    return dict(a=a.tolist(), b=b.tolist(), statistic=float(test.statistic), p=float(test.pvalue))


sizes = [(5, 5), (5, 8), (12, 30), (40, 25), (100, 64), (97, 350)]
pairs = [pair_case(says, a, b) for n, m in sizes for says, a, b in shapes(n, m)]
for n, m, move in [(1000, 1000, 0.05), (1000, 640, 0.1), (350, 1000, 0.25), (500, 50, 0.4)]:
    pairs.append(pair_case(f"moved by {move}", random.standard_normal(n), random.standard_normal(m) + move))
tables = [
    table_case(classes, n, m, tilt)
    for classes in (2, 3, 5, 12)
    for n, m in ((40, 25), (350, 100), (1000, 1000))
    for tilt in (0, 0.5)
]
print(json.dumps(dict(pairs=pairs, tables=tables), separators=(",", ":")).replace("},{", "},\n{"))
