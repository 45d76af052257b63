"""Records what a module sees: its environment and st.secrets, with hashes instead of values.

The modules of the checks import this file and call `write`.
"""
import datetime
import hashlib
import json
import os


def digest(text):
    return hashlib.sha256(text.encode()).digest()[:8].hex()


def canonical(value):
    """Formats a value in the same way as `canonical` in the driver's main.rs."""
    if isinstance(value, str):
        return f"s{len(value.encode())}:{value}"
    if isinstance(value, bool):
        return f"b{int(value)};"
    if isinstance(value, int):
        return f"i{value};"
    if isinstance(value, float):
        import struct
        return "fnan;" if value != value else f"f{struct.pack('>d', value).hex()};"
    if isinstance(value, datetime.datetime):
        return f"d{value.isoformat(timespec='microseconds')};"
    if isinstance(value, datetime.time):
        return f"dT{value.isoformat(timespec='microseconds')};"
    if isinstance(value, datetime.date):
        return f"d{value.isoformat()};"
    if isinstance(value, list):
        return "[" + "".join(map(canonical, value)) + "]"
    entries = sorted((key.encode(), key, canonical(value[key])) for key in value)
    return "{" + "".join(f"{len(raw)}:{key}{text}" for raw, key, text in entries) + "}"


def environment():
    return {name: digest(value) for name, value in os.environ.items()}


def secrets(mapping):
    """Returns for each root key the hash of its value, and of its `str()` if it is a variable."""
    return {
        key: [digest(canonical(value)), digest(str(value)) if type(value) in (str, int, float) else None]
        for key, value in mapping.items()
    }


def write():
    """Writes what the module sees to `seen.json` in its working directory."""
    import streamlit

    try:
        found = secrets(streamlit.secrets.to_dict())
    except Exception as error:  # it has no secrets, or cannot read them
        found = f"{type(error).__name__}: {error}"
    with open("seen.new", "w") as file:
        json.dump({"env": environment(), "secrets": found}, file)
    os.rename("seen.new", "seen.json")


def complaints(row, env, secrets, own=()):
    """Compares what a module sees with a line of the driver. `own` lists variables that others set."""
    wrong = []
    if not isinstance(secrets, dict):
        return [f"no secrets: {secrets}"]
    expected = row["env"]
    for name in expected.keys() | env.keys():
        if name in expected and env.get(name) != expected[name]:
            wrong.append(f"environment: {name} {'has another value' if name in env else 'is absent'}")
        if name not in expected and name not in own:
            wrong.append(f"environment: {name} is not in the document")
    for name, value in expected.items():
        if name not in secrets or secrets[name][1] != value:
            wrong.append(f"st.secrets: {name} differs from the environment")
    for name, value in row["kept"].items():
        if name not in secrets or secrets[name][0] != value:
            wrong.append(f"st.secrets: {name} {'has another value' if name in secrets else 'is absent'}")
    for name in secrets.keys() - expected.keys() - row["kept"].keys():
        wrong.append(f"st.secrets: {name} is not in the document")
    for name in row["absent"]:
        if name in env or name in secrets:
            wrong.append(f"{name} was displaced but is present")
    return wrong
