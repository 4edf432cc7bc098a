"""hnswlib and usearch on the set in a folder (base.f32, query.f32, gt.i32), at a sweep of how much is kept in sight.

    pip install numpy hnswlib usearch
    python peers.py FOLDER [hnswlib|usearch]...

`python peers.py --make FOLDER NOISE` writes a set: 100,000 of 384 numbers in 2,000 Gaussian clusters, as docs/benchmarks.md describes it.
`python peers.py --split FOLDER VECTORS` makes one of vectors that are there: 200 of them, evenly spread, become the queries.
One query at a time on one thread; medians and best times over three rounds of 200 queries."""

import os
import resource
import sys
import time

import numpy as np

DIMENSION, NEAREST, ROWS, QUERIES = 384, 10, 100_000, 200
SIGHTS = [16, 24, 32, 40, 48, 56, 64, 80, 96, 128, 192, 256]


def make(folder, noise):
    random = np.random.default_rng(7)
    centres = random.standard_normal((2_000, DIMENSION), dtype=np.float32)

    def rows(count):
        around = noise * random.standard_normal((count, DIMENSION), dtype=np.float32)
        found = centres[random.integers(0, len(centres), count)] + around
        return found / np.linalg.norm(found, axis=1, keepdims=True)

    write(folder, rows(ROWS), rows(QUERIES))


def split(folder, vectors):
    found = np.fromfile(vectors, np.float32).reshape(-1, DIMENSION)
    is_query = np.zeros(len(found), bool)
    is_query[np.linspace(0, len(found) - 1, QUERIES, dtype=int)] = True
    write(folder, found[~is_query], found[is_query])


def write(folder, base, queries):
    nearest = np.argsort(-(queries @ base.T), axis=1)[:, :NEAREST].astype(np.int32)
    os.makedirs(folder, exist_ok=True)
    for name, numbers in [("base.f32", base), ("query.f32", queries), ("gt.i32", nearest)]:
        numbers.tofile(os.path.join(folder, name))


def hnswlib_index(base):
    import hnswlib

    index = hnswlib.Index("cosine", DIMENSION)
    index.init_index(len(base), ef_construction=128, M=16)
    index.set_num_threads(2)
    index.add_items(base, np.arange(len(base)))
    index.set_num_threads(1)
    return index.set_ef, lambda query: index.knn_query(query, NEAREST)[0][0]


def usearch_index(base):
    from usearch.index import Index

    index = Index(ndim=DIMENSION, metric="ip", dtype="f32", connectivity=16, expansion_add=128)
    index.add(np.arange(len(base)), base, threads=2)

    def sight(ef):
        index.expansion_search = ef

    return sight, lambda query: index.search(query, NEAREST, threads=1).keys


def resident():
    with open("/proc/self/statm") as pages:
        return int(pages.read().split()[1]) * resource.getpagesize()


def main(folder, engines):
    def numbers(name, kind, width):
        return np.fromfile(os.path.join(folder, name), kind).reshape(-1, width)

    base = numbers("base.f32", np.float32, DIMENSION)
    queries = numbers("query.f32", np.float32, DIMENSION)
    nearest = [set(row.tolist()) for row in numbers("gt.i32", np.int32, NEAREST)]
    for engine in engines:
        before, start = resident(), time.perf_counter()
        sight, search = {"hnswlib": hnswlib_index, "usearch": usearch_index}[engine](base)
        took, grown = time.perf_counter() - start, resident() - before
        print(f"\n{engine}: built in {took:.1f} s, {grown / len(base):.0f} bytes per vector, load {os.getloadavg()[0]:.1f}")
        print("| in sight | p50 µs | best µs | recall@10 |\n|---|---|---|---|")
        for ef in SIGHTS:
            sight(ef)
            times, hits = [], 0
            for turn in range(3):
                for query, near in zip(queries, nearest):
                    start = time.perf_counter()
                    found = search(query)
                    times.append((time.perf_counter() - start) * 1e6)
                    if turn == 0:
                        hits += len(near & set(map(int, found)))
            times.sort()
            recall = hits / (len(queries) * NEAREST)
            print(f"| {ef} | {times[len(times) // 2]:.0f} | {times[0]:.0f} | {recall:.4f} |", flush=True)


if sys.argv[1] == "--make":
    make(sys.argv[2], float(sys.argv[3]))
elif sys.argv[1] == "--split":
    split(sys.argv[2], sys.argv[3])
else:
    main(sys.argv[1], sys.argv[2:] or ["hnswlib", "usearch"])
