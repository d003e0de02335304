"""MinHash signatures by datasketch, rensa and Daft: 112 permutations, 5-grams of words, shingles included.

`minhash_job.py TEXTS RUNS` prints microseconds a document by way. Words are split at white space after lower-casing, as
Daft wants them; its strings are made ready outside of what is measured. datasketch and rensa have no shingles of their own:
plain Python makes them, and its time stands beside.
"""

from __future__ import annotations

import json
import sys

import daft
from daft.functions import minhash
from datasketch import MinHash
from rensa import CMinHash, RMinHash
from timing import WARMING, microseconds, read_texts

PERMUTATIONS, NGRAM, SEED = 112, 5, 1


def shingles(text: str) -> list[str]:
    words = text.lower().split()
    return [" ".join(words[at : at + NGRAM]) for at in range(len(words) - NGRAM + 1)]


def scalar(texts: list[str]) -> None:
    for text in texts:
        signature = MinHash(num_perm=PERMUTATIONS, seed=SEED)
        for shingle in shingles(text):
            signature.update(shingle.encode())


def batch(texts: list[str]) -> None:
    for text in texts:
        MinHash(num_perm=PERMUTATIONS, seed=SEED).update_batch([shingle.encode() for shingle in shingles(text)])


def bulk(texts: list[str]) -> None:
    MinHash.bulk([[s.encode() for s in shingles(text)] for text in texts], num_perm=PERMUTATIONS, seed=SEED)


def bulk_legacy(texts: list[str]) -> None:
    MinHash.bulk([[s.encode() for s in shingles(text)] for text in texts], num_perm=PERMUTATIONS, seed=SEED, scheme="legacy")


def rensa_r(texts: list[str]) -> None:
    RMinHash.digest_matrix_from_token_sets([shingles(text) for text in texts], PERMUTATIONS, SEED)


def rensa_c(texts: list[str]) -> None:
    CMinHash.digests_from_token_sets([shingles(text) for text in texts], PERMUTATIONS, SEED)


def joined(texts: list[str]) -> daft.DataFrame:
    return daft.from_pydict({"text": [" ".join(text.lower().split()) for text in texts]}).collect()


def main() -> None:
    texts, runs = read_texts(sys.argv[1]), int(sys.argv[2])
    frames = {len(some): joined(some) for some in (texts[:WARMING], texts)}

    def with_daft(some: list[str], function: str) -> None:
        frame = frames[len(some)]
        frame.select(minhash(frame["text"], num_hashes=PERMUTATIONS, ngram_size=NGRAM, seed=SEED, hash_function=function)).collect()

    ways = {
        "shingles in plain Python": lambda some: [shingles(text) for text in some],
        "datasketch, update": scalar,
        "datasketch, update_batch": batch,
        "datasketch, bulk": bulk,
        "datasketch, bulk, scheme legacy": bulk_legacy,
        "rensa, RMinHash": rensa_r,
        "rensa, CMinHash": rensa_c,
        "Daft, murmurhash3": lambda some: with_daft(some, "murmurhash3"),
        "Daft, xxhash64": lambda some: with_daft(some, "xxhash64"),
    }
    slow = {"datasketch, update"}
    print(json.dumps({name: microseconds(work, texts, 1 if name in slow else runs) for name, work in ways.items()}))


if __name__ == "__main__":
    main()
