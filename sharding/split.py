"""Which samples validate and which train: by a seeded hash of the host, so that no host is on both sides.

Near copies of one page stand on many hosts, and a model that trained on one is not tested by another: a record of a
validation host whose duplicates reach a training host is left out with the reason `validation_overlap`.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from core.hashing import ID_TYPE, digest, seeded_keys

TRAIN, VALIDATION, OVERLAP = 0, 1, 2
SPLITS = ("train", "validation")
#: The reason of records with the code OVERLAP.
REASON = "validation_overlap"

Codes = npt.NDArray[np.uint8]


def is_validation(hosts: pa.Array, ids: pa.Array, fraction: float, seed: int) -> npt.NDArray[np.bool_]:
    """Whether each record's host is for validation, bool of shape (n,).

    `fraction` (0 up to below 1) is the share of hosts, not of records: with few hosts it may be none. Hosts are
    strings, as the caller's canonical form has them; a record without a host (null or empty) counts as a host of
    its own by its id (binary(16)).
    """
    if not 0 <= fraction < 1:
        raise ValueError(f"validation: from 0 up to below 1, not {fraction}")
    if len(hosts) != len(ids):
        raise ValueError(f"{len(hosts)} hosts and {len(ids)} ids")
    if fraction == 0 or len(ids) == 0:
        return np.zeros(len(ids), bool)
    encoded = hosts.dictionary_encode()
    names = [digest(name) for name in encoded.dictionary.to_pylist()] + [bytes(16)]
    host_keys = seeded_keys(pa.array(names, ID_TYPE), seed, "validation")
    nameless = np.array([not name for name in encoded.dictionary.to_pylist()] + [True])
    indices = np.asarray(encoded.indices.fill_null(len(names) - 1))
    keys = np.where(nameless[indices], seeded_keys(ids, seed, "validation"), host_keys[indices])
    return keys < np.uint64(int(fraction * 2.0**64))


def split(validation: npt.NDArray[np.bool_], clusters: pa.Array | None = None) -> Codes:
    """The code of each record that is to be a sample: TRAIN, VALIDATION or OVERLAP, uint8 of shape (n,).

    `clusters` are the records' clusters of duplicates (binary(16); null for a record in none), over the samples of
    the whole output: the rule compares the members that are given, no others. Records of a cluster that is kept
    by one member never overlap.
    """
    codes = validation.astype(np.uint8)
    if clusters is None or not validation.any():
        return codes
    if len(clusters) != len(codes):
        raise ValueError(f"{len(codes)} records and {len(clusters)} clusters")
    encoded = clusters.dictionary_encode()
    known = np.asarray(encoded.indices.is_valid())
    indices = np.asarray(encoded.indices.fill_null(0)).astype(np.int64)
    trains = np.zeros(len(encoded.dictionary) + 1, bool)
    trains[indices[known & ~validation]] = True
    codes[validation & known & trains[indices]] = OVERLAP
    return codes
