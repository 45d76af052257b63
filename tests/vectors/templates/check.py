#!/usr/bin/env python3
"""Checks that the templates in this folder are TOML to this Python and that `labels.txt` labels each value.

A value that is not the empty string has exactly one label. Prints the numbers of templates per language
and of labels per class.
"""

import collections
import pathlib
import re
import sys
import tomllib

FOLDER = pathlib.Path(__file__).parent
CLASSES = ["secret", "placeholder", "default"]
# Token formats that a scanner for leaked credentials looks for. A template must not look like a leak.
LEAKS = re.compile(
    r"sk-(ant-|proj-)?[A-Za-z0-9_-]{20}|[sr]k_(live|test)_\w{10}|AKIA[0-9A-Z]{16}|gh[pousr]_\w{20}"
    r"|github_pat_\w{20}|glpat-\S{20}|xox[abps]-\d|AIza\S{30}|GOCSPX-\S{20}|hf_\w{20}|gsk_\w{20}|SG\.\S{20}"
    r"|\d{8,10}:[\w-]{35}|hooks\.slack\.com/services/T\w{7,}/B\w{7,}/\w{20}|eyJ\w{15}|[0-9a-f]{32}",
    re.ASCII,
)


def key(name):
    """Returns a key as `KeyPath` writes it."""
    if re.fullmatch(r"[A-Za-z0-9_-]+", name):
        return name
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'


def variables(value, path=""):
    """Yields the path and the value of each variable. An array of tables has those of its first element."""
    if isinstance(value, dict):
        for name, child in value.items():
            yield from variables(child, f"{path}.{key(name)}" if path else key(name))
    elif isinstance(value, list) and value and all(isinstance(element, dict) for element in value):
        yield from variables(value[0], f"{path}[0]")
    else:
        yield path, value


def labels():
    """Yields the file, the path and the class of each line of `labels.txt`."""
    for line in (FOLDER / "labels.txt").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            file, rest = line.split(" ", 1)
            yield file, *rest.rsplit(" ", 1)


def main():
    errors = []
    labelled = collections.Counter()
    classes = collections.Counter()
    for file, path, kind in labels():
        labelled[file, path] += 1
        classes[kind] += 1
        if kind not in CLASSES:
            errors.append(f"{file}: {path}: no such class: {kind}")
    languages = collections.Counter()
    blanks = 0
    for template in sorted(FOLDER.glob("*.toml")):
        text = template.read_text(encoding="utf-8")
        languages[template.name.split("-")[0]] += 1
        if hit := LEAKS.search(text):
            errors.append(f"{template.name}: looks like a token: {hit[0]}")
        try:
            table = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            errors.append(f"{template.name}: {error}")
            continue
        for path, value in variables(table):
            expected = int(value != "")
            blanks += 1 - expected
            if labelled.pop((template.name, path), 0) != expected:
                errors.append(f"{template.name}: {path}: needs {expected} labels")
    errors += [f"{file}: {path}: a label without a variable" for file, path in labelled]
    print(f"{sum(languages.values())} templates in {len(languages)} languages:", end="")
    print("".join(f" {language} {count}" for language, count in sorted(languages.items())))
    print("".join(f"{kind} {classes[kind]}, " for kind in CLASSES) + f"blank {blanks}")
    for error in errors:
        print(error, file=sys.stderr)
    return int(bool(errors))


sys.exit(main())
