"""v0"""
from __future__ import annotations
from dataclasses import dataclass
import re
from ingest.encodings import decode_as, encoding_name
from resiliparse.parse.encoding import detect_encoding

@dataclass(slots=True)
class Decoded:
    content: bytes
    charset: str
    source: str
    detail: str = ""

META=re.compile(rb"<meta[^>]{0,512}?charset\s*=\s*[\"']?\s*([A-Za-z0-9_:.-]+)",re.I)
def decode(body: bytes, header: str="", *, url: str="", html: bool=True) -> Decoded:
    try:
        body.decode(); return Decoded(body, "utf-8", "utf8")
    except UnicodeDecodeError: pass
    m=META.search(body[:4096])
    for label in (header, m.group(1).decode() if m else "", detect_encoding(body) or ""):
        n=encoding_name(label)
        if n and n!="utf-8":
            return Decoded(decode_as(body,n).encode("utf-8","replace"), n,"x")
    return Decoded(body.decode("utf-8","replace").encode(),"utf-8","x")
