#!/usr/bin/env python3
"""Writes python_str.txt: the bits of a float, and the text that Python's str() gives for it.

Run it without an argument to write the file, with --check to compare the file with this Python.
"""

import pathlib
import random
import struct
import sys


def floats():
    for exponent in range(-324, 309):
        for mantissa in (1, 1.5, 9.999999999999999, 2.2250738585072014):
            yield float(f"{mantissa}e{exponent}")
    chosen = random.Random(1)
    for _ in range(1500):
        yield struct.unpack(">d", chosen.randbytes(8))[0]
    # Ties of the shortest digits, and the limits of each layout.
    for _ in range(2000):
        yield chosen.uniform(1e15, 1e16)
    for value in (1e15, 1e16, 1e17, 1e-3, 1e-4, 1e-5):
        bits = struct.unpack(">Q", struct.pack(">d", value))[0]
        for near in range(bits - 40, bits + 40):
            yield struct.unpack(">d", struct.pack(">Q", near))[0]


def lines():
    for value in floats():
        if value == value and abs(value) != float("inf"):
            bits = struct.pack(">d", value).hex()
            yield f"{bits} {value!s}\n"


def main():
    path = pathlib.Path(__file__).with_name("python_str.txt")
    text = "".join(lines())
    if sys.argv[1:] == ["--check"]:
        sys.exit(0 if path.read_text() == text else f"{path.name} is not what Python says")
    path.write_text(text)


main()
