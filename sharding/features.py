"""The types of a WebDataset output's samples in the form that Hugging Face `datasets` takes.

`datasets` guesses types from the first five samples and fails on a column that is null in all five; with
`Features.from_dict(index["features"])` it need not guess. Names: huggingface.co/docs/datasets, main classes, Features.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa

#: Extensions of members that are text; others are bytes.
TEXT_EXTENSIONS = frozenset({"txt"})


def features_of(schema: pa.Schema, members: Mapping[str, str], keyed: bool = False) -> dict[str, Any]:
    """Features of the samples that `ShardWriter` writes from batches of `schema`, as JSON values."""
    payload = {*([] if keyed else ["key"]), *members.values()}
    metadata = {field.name: _feature(field.type) for field in schema if field.name not in payload}
    values = {e: _value("string" if e in TEXT_EXTENSIONS else "binary") for e in members}
    return {"json": metadata, **values, "__key__": _value("string"), "__url__": _value("string")}


def _value(dtype: str) -> dict[str, str]:
    return {"dtype": dtype, "_type": "Value"}


def _feature(kind: pa.DataType) -> Any:
    """The type of a cell as `sharding.rows` writes it: hex, times and decimals are strings."""
    if pa.types.is_dictionary(kind):
        return _feature(kind.value_type)
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        return {"feature": _feature(kind.value_type), "_type": "List"}
    if pa.types.is_map(kind):
        pair = {"key": _feature(kind.key_type), "value": _feature(kind.item_type)}
        return {"feature": pair, "_type": "List"}
    if pa.types.is_struct(kind):
        return {kind.field(i).name: _feature(kind.field(i).type) for i in range(kind.num_fields)}
    if pa.types.is_boolean(kind):
        return _value("bool")
    if pa.types.is_integer(kind):
        return _value("uint64" if kind == pa.uint64() else "int64")
    if pa.types.is_floating(kind):
        return _value("float64")
    return _value("null" if pa.types.is_null(kind) else "string")
