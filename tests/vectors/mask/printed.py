#!/usr/bin/env python3
"""Writes printed.txt: values, and how Python prints them. Each line is a JSON array: the value, the name of the
function, what it prints before the masked part, the masked part, and what it prints behind it.

    tests/vectors/mask/printed.py            writes the file
    tests/vectors/mask/printed.py --check    fails if the file differs"""

import base64
import json
import shlex
import sys
from pathlib import Path
from urllib.parse import quote, quote_plus

VALUES = [
    "hunter2-hunter3",
    "it's a \"quoted\" pass/word",
    "C:\\Users\\ada\tlovelace",
    "grüße-日本-😀-zażółć",
    "first line\nsecond line\r\nthird",
    "a+b=c&d?e#f%g h~i!j*k(l)",
    "\x01control\x7f\x85\u200b\u2028\u0301",
    "postgres://ada:p%40ss@db/app?x=1&y=2",
    "don't \"stop\" now",
    "only'single'quotes",
]


def encoded(value, before, encode):
    """Splits base64 after `before` other bytes: the characters that depend on them, those of the value, the rest."""
    value = value.encode()
    texts = [encode(bytes([f] * before) + value + bytes([f] * 3)).decode() for f in (0, 255)]
    same = [a == b for a, b in zip(*texts)]
    start = same.index(True)
    end = same.index(False, start) if False in same[start:] else len(same)
    return texts[0][:start], texts[0][start:end], texts[0][end:]


def inside(text, opening=1, closing=1):
    return text[:opening], text[opening : len(text) - closing], text[len(text) - closing :]


def upper(text):
    """Upper case of the digits of `\\u`. A backslash that is escaped begins none."""
    parts = text.split("\\\\")
    digits = lambda part: "\\u".join(p if i == 0 else p[:4].upper() + p[4:] for i, p in enumerate(part.split("\\u")))
    return "\\\\".join(map(digits, parts))


def lower(text):
    return "".join(part if i % 2 == 0 else "%" + part.lower() for i, part in enumerate(split(text)))


def split(text):
    """Splits percent-encoded text into plain text and the digits after each `%`, in turn."""
    parts = text.split("%")
    out = [parts[0]]
    for part in parts[1:]:
        out += [part[:2], part[2:]]
    return out


def rows():
    for value in VALUES:
        whole = lambda text: ("", text, "")
        yield value, "itself", whole(value)
        yield value, "a terminal", whole(value.replace("\r\n", "\n").replace("\n", "\r\n"))
        yield value, "json.dumps", inside(json.dumps(value))
        yield value, "json.dumps in a list", inside(json.dumps([1, value]), 5, 2)
        yield value, "json.dumps, upper", inside(upper(json.dumps(value)))
        yield value, "JSON.stringify", inside(json.dumps(value, ensure_ascii=False))
        yield value, "JSON with \\/", inside(json.dumps(value).replace("/", "\\/"))
        yield value, "JSON with \\/, upper", inside(upper(json.dumps(value)).replace("/", "\\/"))
        yield value, "JSON with \\/ and UTF-8", inside(json.dumps(value, ensure_ascii=False).replace("/", "\\/"))
        for name, text in (
            ("quote", quote(value)),
            ("quote without safe", quote(value, safe="")),
            ("quote_plus", quote_plus(value)),
            ("encodeURIComponent", quote(value, safe="!*'()")),
        ):
            yield value, name, whole(text)
            yield value, name + ", lower", whole(lower(text))
        for before in range(3):
            yield value, f"b64encode after {before}", encoded(value, before, base64.b64encode)
            yield value, f"urlsafe_b64encode after {before}", encoded(value, before, base64.urlsafe_b64encode)
        yield value, "hex", whole(value.encode().hex())
        yield value, "hex, upper", whole(value.encode().hex().upper())
        yield value, "repr", inside(repr(value))
        yield value, "repr in a dict", inside(repr({1: value}), 5, 2)
        yield value, "shell", inside("'" + value.replace("'", "'\\''") + "'")
        yield value, "shlex.quote", inside(shlex.quote(value)) if shlex.quote(value) != value else whole(value)


def text():
    lines = [json.dumps([value, name, *parts]) for value, name, parts in rows()]
    return "\n".join(lines) + "\n"


file = Path(__file__).with_name("printed.txt")
if sys.argv[1:] == ["--check"]:
    sys.exit(file.read_text() != text() and "printed.txt differs: run printed.py")
file.write_text(text())
