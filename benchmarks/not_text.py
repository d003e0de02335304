"""Texts that are no language, of many kinds, made or cut from files of the machine: for tests of language identification.

The kinds for tuning and for judging differ, and so do the files that snippets of code are cut from (by a hash of their
names) and the words that tables are made of.
"""

from __future__ import annotations

import base64
import datetime
import glob
import hashlib
import json
import random
import re
import string
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

Make = Callable[[random.Random], str]
Split = Literal["tune", "judge"]

#: What perl's documentation is, which stands among its code, and a run of words as only sentences have: six and more.
_POD = re.compile(r"^=[a-z]\w*.*?(?:^=cut\b[^\n]*$|\Z)", re.DOTALL | re.MULTILINE)
_SENTENCE = re.compile(r"(?:[A-Za-z][a-z'’-]*[,;:]? +){5,}[A-Za-z][a-z'’-]+[.!?]?")
_COMMENT = re.compile(r"""^\s*(#|//|\*|/\*|\"{3}|'{3}|--|;|%|<!--|\.\.|!)""")
TUNE_WORDS = [
    "alpha",
    "beta",
    "total",
    "item",
    "value",
    "name",
    "id",
    "code",
    "status",
    "user",
    "price",
    "qty",
    "date",
    "region",
    "north",
    "south",
    "east",
    "west",
    "active",
    "red",
    "blue",
    "size",
    "width",
    "height",
    "count",
    "index",
    "node",
    "host",
    "port",
    "key",
    "type",
    "data",
    "file",
]
_JUDGE_WORDS = [
    "lorem",
    "gadget",
    "sensor",
    "voltage",
    "Berlin",
    "Paris",
    "Smith",
    "Garcia",
    "Toyota",
    "BMW",
    "apple",
    "orange",
    "invoice",
    "order",
    "shipped",
    "pending",
    "kg",
    "mm",
    "usd",
    "eur",
    "admin",
    "guest",
    "true",
    "false",
    "null",
    "none",
    "start",
    "stop",
    "error",
    "timeout",
    "retry",
    "queue",
    "cache",
    "worker",
    "thread",
    "session",
    "token",
    "request",
    "response",
    "customer",
]
_words = {"now": TUNE_WORDS}

_STDLIB = Path(json.__file__).parents[1]
_PACKAGES = next((p for p in sys.path if p.endswith("site-packages")), "")
CODE: dict[str, dict[str, str]] = {
    "tune": {
        "python": f"{_STDLIB}/**/*.py", "pyarrow": f"{_PACKAGES}/pyarrow/**/*.py", "c": "/usr/include/linux/*.h",
        "c++": "/usr/include/c++/**/*", "javascript": "/usr/lib/node_modules/npm/**/*.js", "css": f"{_STDLIB}/**/*.css",
        "html": "/usr/lib/node_modules/npm/**/*.html", "rust": "~/.cargo/registry/src/*/serde*/**/*.rs",
        "perl": "/usr/share/perl/**/*.pm", "json": "/usr/lib/node_modules/npm/**/*.json",
        "sql": "/usr/share/postgresql/*/**/*.sql", "go": "/usr/local/go/src/runtime/*.go",
        "yaml": "/usr/lib/google-cloud-sdk/lib/**/*.yaml", "ini": "/usr/lib/systemd/**/*.service", "conf": "/etc/**/*.conf",
        "toml": "~/.cargo/registry/src/*/*/Cargo.toml.orig", "diff": "~/.pyenv/plugins/**/*.patch", "log": "/var/log/**/*.log",
        "workflow": "~/go/pkg/mod/**/*.y*ml",
    },
    "judge": {
        "python": f"{_STDLIB}/**/*.py", "numba": f"{_PACKAGES}/numba/**/*.py", "c": "/usr/include/**/*.h",
        "c++": "/usr/include/c++/**/*", "javascript": "/usr/lib/node_modules/npm/**/*.js",
        "rust": "~/.cargo/registry/src/*/**/*.rs",
        "go": "/usr/local/go/src/net/**/*.go", "perl": "/usr/share/perl/**/*.pm", "html": "/usr/share/doc/**/*.html",
        "json": "/usr/lib/node_modules/npm/**/*.json", "cmake": "/usr/share/cmake-*/Modules/**/*.cmake",
        "pyx": f"{_PACKAGES}/**/*.pyx", "tcl": "/usr/share/tcltk/**/*.tcl", "yaml": "/usr/lib/google-cloud-sdk/lib/**/*.yaml",
        "svg": "/usr/share/icons/Adwaita/**/*.svg", "shell": "/usr/share/**/*.sh",
    },
}  # fmt: skip


def _span(first: int, last: int) -> str:
    return "".join(map(chr, range(first, last + 1)))


ALPHABETS = {
    "latin": string.ascii_lowercase,
    "latin_extended": string.ascii_lowercase + "àáâãäåæçèéêëìíîïñòóôõöøùúûüýÿāăąćčďđēęěğģīįłńňőřśşšţťůűźżž",
    "cyrillic": _span(0x430, 0x44F), "greek": _span(0x3B1, 0x3C9), "arabic": _span(0x627, 0x63A) + _span(0x641, 0x64A),
    "hebrew": _span(0x5D0, 0x5EA), "devanagari": _span(0x905, 0x938) + _span(0x93E, 0x94C), "thai": _span(0xE01, 0xE2E),
    "georgian": _span(0x10D0, 0x10F0), "armenian": _span(0x561, 0x586), "han": _span(0x4E00, 0x9FA5),
    "hangul": _span(0xAC00, 0xD7A3), "kana": _span(0x3041, 0x3096), "bengali": _span(0x995, 0x9A8) + "ািীুূেো",
    "tamil": "கஙசஞடணதநபமயரலவழளறனாிீுூெேை",
}  # fmt: skip
LETTERS = {
    "tune": [
        "latin",
        "cyrillic",
        "arabic",
        "devanagari",
        "thai",
        "han",
        "hangul",
        "latin_extended",
        "hebrew",
        "georgian",
        "kana",
        "bengali",
    ],
    "judge": [
        "latin",
        "latin_extended",
        "cyrillic",
        "greek",
        "arabic",
        "hebrew",
        "armenian",
        "georgian",
        "han",
        "hangul",
        "devanagari",
        "tamil",
    ],
}


def random_letters(rng: random.Random, alphabet: str) -> str:
    """8 to 640 letters drawn evenly: in one run, in words, in words with stops and line ends, in mixed case."""
    size, style = rng.choice([8, 15, 25, 40, 80, 160, 320, 640]), rng.randrange(5)
    longest = {1: 10, 2: 10, 3: 12}.get(style, 0)
    if len(alphabet) > 80 and style < 3:
        longest = 0
    if style == 4 and len(alphabet.upper()) == len(alphabet):
        alphabet += alphabet.upper()
    text = ""
    while len(text) < size:
        text += "".join(rng.choice(alphabet) for _ in range(rng.randint(2, longest) if longest else size))
        text += rng.choice("  , .\n") if style == 3 else " "
    return text.strip()


def snippets(pattern: str, split: Split, number: int, rng: random.Random) -> list[str]:
    """6 to 30 lines of code of a split's files; those with more than a third of comments, or more than a fifth of their
    characters in runs of six words, are left out: they are language."""
    paths = [Path(p) for p in sorted(glob.glob(str(Path(pattern).expanduser()), recursive=True))]
    paths = [p for p in paths if p.is_file() and hashlib.md5(p.name.encode()).digest()[0] % 2 == (split == "judge")]
    rng.shuffle(paths)
    out = []
    for path in paths[:400]:
        try:
            text = path.read_text("utf-8")[:400_000]
        except (UnicodeDecodeError, OSError):
            continue
        out += cut_code(text, 4, rng)
    rng.shuffle(out)
    return out[:number]


def cut_code(text: str, number: int, rng: random.Random) -> list[str]:
    """At most `number` snippets of a file that are no language."""
    lines, out = _POD.sub("", text).split("\n"), []
    for _ in range(number):
        size = rng.randint(6, 30)
        start = rng.randrange(max(1, len(lines) - size))
        cut = lines[start : start + size]
        full = [line for line in cut if line.strip()]
        said = sum(len(run[0]) for line in full for run in _SENTENCE.finditer(line))
        if len(full) >= 4 and sum(map(_is_comment, full)) <= len(full) * 0.34 and said <= 0.2 * sum(map(len, full)):
            out.append("\n".join(cut)[:1500])
    return out


def _is_comment(line: str) -> bool:
    words = re.findall(r"[A-Za-z]{2,}", line)
    return bool(_COMMENT.match(line)) or (len(words) >= 4 and not re.search(r"[=(){}\[\];<>_|&/\\:]", line))


def _word(rng: random.Random) -> str:
    return rng.choice(_words["now"])


def _number(rng: random.Random) -> str:
    return rng.choice([
        str(rng.randint(0, 10 ** rng.randint(1, 7))),
        f"{rng.uniform(-1000, 1000):.{rng.randint(1, 5)}f}", f"{rng.randint(0, 100)}%",
        f"{rng.gauss(0, 1):.3e}",
    ])  # fmt: skip


def _date(rng: random.Random) -> str:
    at = datetime.datetime(2000, 1, 1) + datetime.timedelta(seconds=rng.randrange(800_000_000))
    return at.strftime(rng.choice(["%Y-%m-%d", "%d/%m/%Y", "%Y-%m-%dT%H:%M:%SZ", "%b %d %H:%M:%S", "%d.%m.%Y"]))


def _hex(rng: random.Random, size: int) -> str:
    return "".join(rng.choice("0123456789abcdef") for _ in range(size))


def _lines(rng: random.Random, least: int, most: int, make: Make, between: str = "\n") -> str:
    return between.join(make(rng) for _ in range(rng.randint(least, most)))


def _csv(rng: random.Random) -> str:
    separator = rng.choice([",", ";", "\t", "|", ", "])
    kinds: list[Make] = [_number, _number, _date, _word, lambda r: r.choice("YNTF"), lambda r: _word(r) + str(r.randint(1, 99))]
    cells = [rng.choice(kinds) for _ in range(rng.randint(3, 9))]
    head = [separator.join(_word(rng) + rng.choice(["", "_id", "_name"]) for _ in cells)] if rng.random() < 0.7 else []
    return "\n".join([*head, *(separator.join(cell(rng) for cell in cells) for _ in range(rng.randint(3, 25)))])


def _number_table(rng: random.Random) -> str:
    columns, between = rng.randint(2, 10), rng.choice(["  ", "\t", " "])
    return _lines(rng, 3, 20, lambda r: between.join(_number(r) for _ in range(columns)))


def _tree(rng: random.Random, depth: int = 0) -> Any:
    kind = rng.randrange(5)
    if depth > 3 or kind == 0:
        return rng.choice([_word(rng), rng.randint(0, 9999), rng.random(), True, None, _hex(rng, 12), _date(rng)])
    if kind < 4:
        return {_word(rng) + rng.choice(["", "Id", "_at", "Type"]): _tree(rng, depth + 1) for _ in range(rng.randint(1, 6))}
    return [_tree(rng, depth + 1) for _ in range(rng.randint(1, 5))]


def _json(rng: random.Random) -> str:
    return json.dumps({_word(rng): _tree(rng) for _ in range(rng.randint(2, 6))}, indent=rng.choice([None, 2, 4]))[:1500]


def _address(rng: random.Random) -> str:
    return ".".join(str(rng.randint(0, 255)) for _ in range(4))


def _log(rng: random.Random) -> str:
    level = ["INFO", "WARN", "ERROR", "DEBUG"]
    styles: list[Make] = [
        lambda r: f"{_date(r)} {r.choice(level)} [{_word(r)}-{r.randint(1, 9)}] {_word(r)}.{_word(r)}: {_word(r)}={_number(r)}",
        lambda r: f'{_address(r)} - - [{_date(r)}] "GET /{_word(r)}/{_word(r)} HTTP/1.1" {r.choice([200, 304, 404])} {_number(r)}',
        lambda r: f"{_date(r)} host{r.randint(1, 9)} {_word(r)}d[{r.randint(100, 9999)}]: {_word(r)} {_word(r)} {_number(r)}ms",
        lambda r: f"[{r.uniform(0, 9999):12.6f}] {_word(r)} {r.randint(0, 9)}-{r.randint(0, 9)}: {_word(r)} at 0x{_hex(r, 8)}",
    ]
    return _lines(rng, 3, 20, rng.choice(styles))


def _base64(rng: random.Random) -> str:
    text = base64.b64encode(rng.randbytes(rng.randint(20, 600))).decode()
    return text if rng.random() < 0.5 else "\n".join(text[i : i + 76] for i in range(0, len(text), 76))


def _hex_dump(rng: random.Random) -> str:
    if rng.random() < 0.5:
        return _hex(rng, rng.randint(32, 600))
    return "\n".join(f"{i * 16:08x}  " + " ".join(_hex(rng, 2) for _ in range(16)) for i in range(rng.randint(2, 15)))


def _hashes(rng: random.Random) -> str:
    size = rng.choice([32, 40, 64])
    return _lines(rng, 1, 12, lambda r: _hex(r, size) + r.choice(["", f"  {_word(r)}.txt", f"  ./{_word(r)}/{_word(r)}.py"]))


def _url(rng: random.Random) -> str:
    host = rng.choice(["www.", ""]) + _word(rng) + _word(rng) + rng.choice([".com", ".org", ".net", ".io", ".de"])
    page = rng.choice([str(rng.randint(1, 9999)), f"{_word(rng)}-{_word(rng)}"]) + rng.choice(["", ".html", f"?id={_hex(rng, 6)}"])
    return f"http{rng.choice(['', 's'])}://{host}/{_word(rng)}/{page}"


def _code(rng: random.Random) -> str:
    letters = "".join(rng.choice(string.ascii_uppercase) for _ in range(rng.randint(2, 4)))
    return rng.choice([f"{letters}-{rng.randint(100, 99999)}", f"SKU{rng.randint(10000, 999999)}", _hex(rng, 8).upper()])


def _art(rng: random.Random) -> str:
    characters = rng.choice([" .:-=+*#%@", "/\\|_- ", "█▓▒░ ", "┌─┐│└┘├┤ ", " ()<>^v~o*", "#. "])
    width = rng.randint(10, 60)
    return _lines(rng, 3, 20, lambda r: "".join(r.choice(characters) for _ in range(width)))


def _tag(rng: random.Random) -> str:
    name = rng.choice(["div", "span", "a", "li", "ul", "td", "tr", "p", "img", "input", "section", "script", "link", "meta"])
    value = rng.choice([f"{_word(rng)}-{_word(rng)}", f"/{_word(rng)}/{rng.randint(1, 99)}", "width:9px", "#"])
    attribute = rng.choice(["", f' class="{value}"', f' href="{value}"', f' data-{_word(rng)}="{value}"'])
    return rng.choice(["", "  "]) + f"<{name}{attribute}>" + rng.choice(["", _word(rng), ""]) + rng.choice([f"</{name}>", ""])


def _symbols(rng: random.Random) -> str:
    held = rng.choice(["!@#$%^&*()_+-=[]{}|;:,.<>?/~`", "★☆●○◆◇■□▲△▼▽→←↑↓", "∑∏∫√∞≈≠≤≥±×÷∂∇", "😀😂🤣😍👍🎉🔥💯🙏", ".-", "*-=_"])
    return "".join(rng.choice(held + " ") for _ in range(rng.randint(10, 300)))


def _mash(rng: random.Random) -> str:
    rows = ["qwertyuiop", "asdfghjkl", "zxcvbnm"]
    return _lines(
        rng, 5, 25, lambda r: "".join(r.choice(rows[r.randrange(3)]) for _ in range(r.randint(3, 12))), rng.choice(["", " "])
    )


def _path(rng: random.Random) -> str:
    return "/".join(["", *(_word(rng) for _ in range(rng.randint(2, 5)))]) + rng.choice([".py", ".so", "", ".conf"])


def _setting(rng: random.Random) -> str:
    return rng.choice(
        [f"[{_word(rng)}]", f"{_word(rng)}_{_word(rng)} = {_number(rng)}", f"export {_word(rng).upper()}={_word(rng)}"]
    )


def _password(rng: random.Random) -> str:
    return "".join(rng.choice(string.ascii_letters + string.digits + "!@#$%") for _ in range(rng.randint(8, 16)))


def _protein(rng: random.Random) -> str:
    return ">" + _code(rng) + "\n" + _lines(rng, 2, 8, lambda r: "".join(r.choice("ACDEFGHIKLMNPQRSTVWY") for _ in range(60)))


def _chess(rng: random.Random) -> str:
    moves = [f"{rng.choice('NBRQK')}{rng.choice('abcdefgh')}{rng.randint(1, 8)}" for _ in range(rng.randint(8, 40))]
    return " ".join(f"{i}. {move}" for i, move in enumerate(moves, 1))


def _sql(rng: random.Random) -> str:
    return rng.choice([
        f"SELECT {_word(rng)}, {_word(rng)} FROM {_word(rng)} WHERE {_word(rng)} = {_number(rng)};",
        f"INSERT INTO {_word(rng)} ({_word(rng)}, {_word(rng)}) VALUES ({_number(rng)}, '{_word(rng)}');",
        f"CREATE TABLE {_word(rng)} (id INT PRIMARY KEY, {_word(rng)} VARCHAR({rng.randint(1, 255)}) NOT NULL);",
        f"UPDATE {_word(rng)} SET {_word(rng)}={_number(rng)} WHERE id={rng.randint(1, 99)};",
    ])  # fmt: skip


def _phone(rng: random.Random) -> str:
    return f"+{rng.randint(1, 99)} {rng.randint(100, 999)} {rng.randint(100, 999)}-{rng.randint(1000, 9999)}"


_BOTH: dict[str, Make] = {
    "csv": _csv, "number_table": _number_table, "json": _json, "log": _log, "base64": _base64, "hashes": _hashes,
    "urls": lambda r: _lines(r, 1, 12, _url, r.choice(["\n", " "])),
    "codes": lambda r: _lines(r, 3, 40, _code, r.choice(["\n", ", ", " ", "; "])), "ascii_art": _art,
    "markup": lambda r: _lines(r, 4, 25, _tag, r.choice(["\n", ""])), "symbols": _symbols,
}  # fmt: skip
MADE: dict[str, dict[str, Make]] = {
    "tune": {
        **_BOTH, "mash": _mash, "hex": _hex_dump,
        "paths": lambda r: _lines(r, 3, 15, _path), "settings": lambda r: _lines(r, 4, 20, _setting),
        "statements": lambda r: _lines(r, 2, 8, _sql),
    },
    "judge": {
        **_BOTH,
        "dna": lambda r: "".join(r.choice("ACGT") for _ in range(r.randint(40, 600))),
        "protein": _protein,
        "addresses": lambda r: _lines(r, 3, 20, lambda q: ":".join(_hex(q, 2) for _ in range(6)) + "  " + _address(q)),
        "uuids": lambda r: _lines(r, 2, 15, lambda q: "-".join(_hex(q, size) for size in (8, 4, 4, 4, 12))),
        "chess": _chess,
        "markdown_table": lambda r: _lines(r, 3, 15, lambda q: "| " + " | ".join(_number(q) for _ in range(4)) + " |"),
        "phones": lambda r: _lines(r, 3, 20, _phone),
        "morse": lambda r: _lines(r, 20, 120, lambda q: "".join(q.choice(".-") for _ in range(q.randint(1, 5))), " "),
        "passwords": lambda r: _lines(r, 3, 20, _password, r.choice(["\n", " "])),
        "jwt": lambda r: ".".join(base64.urlsafe_b64encode(r.randbytes(r.randint(30, 150))).decode().strip("=") for _ in range(3)),
        "gcode": lambda r: _lines(r, 4, 20, lambda q: f"G{q.randint(0, 3)} X{q.uniform(0, 200):.3f} Y{q.uniform(0, 200):.3f}"),
        "timestamps": lambda r: _lines(r, 3, 25, _date),
    },
}  # fmt: skip


def kinds(split: Split, number: int = 200, seed: int = 1) -> dict[str, list[str]]:
    """`number` texts of each kind; fewer snippets, or none, of a language of which this machine has no files."""
    _words["now"] = TUNE_WORDS if split == "tune" else _JUDGE_WORDS
    rng = random.Random(f"{seed} {split}")
    out = {f"code: {name}": snippets(pattern, split, number, rng) for name, pattern in CODE[split].items()}
    out = {name: texts for name, texts in out.items() if len(texts) >= 15}
    out |= {name: [make(rng) for _ in range(number)] for name, make in MADE[split].items()}
    out |= {f"letters: {name}": [random_letters(rng, ALPHABETS[name]) for _ in range(number)] for name in LETTERS[split]}
    return out
