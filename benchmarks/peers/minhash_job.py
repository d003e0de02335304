"""MinHash signatures by datasketch, rensa or Daft: 112 permutations, 5-grams of words, shingles included.

`minhash_job.py TEXTS RUNS {shingles,datasketch,rensa,daft}` prints microseconds a document by way; a process for each, so
that one that crashes takes no other with it. Words are split at white space after lower-casing, as Daft wants them; its
strings are made ready outside of what is measured. datasketch and rensa have no shingles of their own: plain Python makes
them. Each of their ways is measured with that and, as `…, signing alone`, with shingles that are ready (for datasketch
as bytes).
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

from timing import WARMING, microseconds, read_texts

PERMUTATIONS, NGRAM, SEED = 112, 5, 1
ALONE = ", signing alone"

Ways = dict[str, Callable[[list[str]], Any]]


def shingles(text: str) -> list[str]:
    words = text.lower().split()
    return [" ".join(words[at : at + NGRAM]) for at in range(len(words) - NGRAM + 1)]


def as_bytes(text: str) -> list[bytes]:
    return [shingle.encode() for shingle in shingles(text)]


def whole_and_alone(
    signers: dict[str, Callable[[list[Any]], Any]], texts: list[str], cut: Callable[[str], list[Any]]
) -> Ways:  # fmt: skip
    """Each way from text to signature, and from shingles that are ready."""
    ready = {len(some): [cut(text) for text in some] for some in (texts[:WARMING], texts)}
    ways: Ways = {}
    for name, sign in signers.items():
        ways[name] = lambda some, sign=sign: sign([cut(text) for text in some])
        ways[name + ALONE] = lambda some, sign=sign: sign(ready[len(some)])
    return ways


def with_datasketch(texts: list[str]) -> Ways:
    from datasketch import MinHash

    def update(sets: list[list[bytes]]) -> None:
        for found in sets:
            signature = MinHash(num_perm=PERMUTATIONS, seed=SEED)
            for shingle in found:
                signature.update(shingle)

    def batch(sets: list[list[bytes]]) -> None:
        for found in sets:
            MinHash(num_perm=PERMUTATIONS, seed=SEED).update_batch(found)

    signers = {
        "datasketch, update": update,
        "datasketch, update_batch": batch,
        "datasketch, bulk": lambda sets: MinHash.bulk(sets, num_perm=PERMUTATIONS, seed=SEED),
        "datasketch, bulk, scheme legacy": lambda sets: MinHash.bulk(sets, num_perm=PERMUTATIONS, seed=SEED, scheme="legacy"),
    }
    return whole_and_alone(signers, texts, as_bytes)


def with_rensa(texts: list[str]) -> Ways:
    from rensa import CMinHash, RMinHash

    signers = {
        "rensa, RMinHash": lambda sets: RMinHash.digest_matrix_from_token_sets(sets, PERMUTATIONS, SEED),
        "rensa, CMinHash": lambda sets: CMinHash.digests_from_token_sets(sets, PERMUTATIONS, SEED),
    }
    return whole_and_alone(signers, texts, shingles)


def with_daft(texts: list[str]) -> Ways:
    import daft
    from daft.functions import minhash

    def joined(some: list[str]) -> daft.DataFrame:
        return daft.from_pydict({"text": [" ".join(text.lower().split()) for text in some]}).collect()

    frames = {len(some): joined(some) for some in (texts[:WARMING], texts)}

    def sign(some: list[str], function: str) -> None:
        frame = frames[len(some)]
        frame.select(minhash(frame["text"], num_hashes=PERMUTATIONS, ngram_size=NGRAM, seed=SEED, hash_function=function)).collect()

    return {
        f"Daft, {function}": lambda some, function=function: sign(some, function) for function in ("murmurhash3", "xxhash64")
    }


def main() -> None:
    texts, runs = read_texts(sys.argv[1]), int(sys.argv[2])
    ways: Ways = {
        "shingles": lambda some: {"shingles in plain Python": lambda more: [shingles(text) for text in more]},
        "datasketch": with_datasketch, "rensa": with_rensa, "daft": with_daft,
    }[sys.argv[3]](texts)  # fmt: skip
    slow = {"datasketch, update", f"datasketch, update{ALONE}"}
    print(json.dumps({name: microseconds(work, texts, 1 if name in slow else runs) for name, work in ways.items()}))


if __name__ == "__main__":
    main()
