#!/usr/bin/env python3
"""Checks the vectors in `record/` with a second implementation of the format.

It was written from the description of the format alone, on top of Python's `cryptography`. It seals to
the same bytes, opens to the same contents, and rejects bad records with the same errors.
"""

import base64
import binascii
import hashlib
import pathlib
import struct
import sys
import tomllib
import unicodedata

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import constant_time, hashes, hmac
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

FOLDER = pathlib.Path(__file__).parent / "record"
KINDS = {
    "document": 1,
    "tombstone": 2,
    "past document": 3,
    "past tombstone": 4,
    "keyring": 5,
    "lock": 6,
    "manifest": 7,
}
PRESENT, PAST = (1, 2), (3, 4)
TAGS = ["document", "template", "author", "time", "keyring", "ring_key", "manifest", "origin"]
STATES = {1: "primary", 2: "active", 3: "disabled", 4: "destroyed"}
# Unicode's property White_Space.
SPACE = set(map(chr, [*range(9, 14), 32, 0x85, 0xA0, 0x1680, *range(0x2000, 0x200B)])) | set(
    map(chr, [0x2028, 0x2029, 0x202F, 0x205F, 0x3000])
)
MAX_RECORD = 104 + 2_097_168
MAX_SCOPE = 780


class Refused(Exception):
    """A rejected record. Holds the name of the error."""


def check(holds, error):
    if not holds:
        raise Refused(error)


def mac(key, message):
    code = hmac.HMAC(key, hashes.SHA256())
    code.update(message)
    return code.finalize()


def key_id(key):
    return mac(key, b"secrets-toml/v1 key-id")[:16]


def scope_key(key, scope):
    return mac(key, b"secrets-toml/v1 scope\0" + scope)


def encode(*components):
    return b"".join(struct.pack(">H", len(part)) + part for part in components)


def is_component(text, most=255):
    return (
        1 <= len(text.encode()) <= most
        and not any(unicodedata.category(character) == "Cc" for character in text)
        and text[0] not in SPACE
        and text[-1] not in SPACE
    )


def utf_8(data, error):
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise Refused(error) from None


def kinds_of(scope):
    """The kinds of a record in a scope, and the revision of a past scope."""
    check(scope, "Malformed")
    kind, rest, revision = scope[0], scope[1:], None
    if kind in (0x7C, 0x7D, 0x7E):
        return {0x7C: (6,), 0x7D: (5,), 0x7E: (7,)}[kind], None
    if kind in (0x11, 0x12, 0x13):
        check(len(rest) >= 8, "Malformed")
        (revision,) = struct.unpack(">Q", rest[-8:])
        check(1 <= revision < 2**63, "Malformed")
        kind, rest = kind - 0x10, rest[:-8]
    check(kind in (1, 2, 3), "Malformed")
    for _ in range(kind):
        check(len(rest) >= 2, "Malformed")
        (size,) = struct.unpack(">H", rest[:2])
        component, rest = rest[2 : 2 + size], rest[2 + size :]
        check(len(component) == size, "Malformed")
        check(is_component(utf_8(component, "Malformed")), "Malformed")
    check(not rest, "Malformed")
    return (PRESENT if revision is None else PAST), revision


def seal(key, scope, kind, revision, rewraps, fields, random32):
    """Seals fields: the bytes of each by its name."""
    plain = b""
    for tag, name in enumerate(TAGS, 1):
        if name in fields:
            plain += struct.pack(">BI", tag, len(fields[name])) + fields[name]
    size = 1024
    while size < len(plain):
        size *= 2
    own = scope_key(key, scope)
    header = b"\x89SLD" + bytes([1, 1, KINDS[kind], 0]) + struct.pack(">QI", revision, rewraps) + key_id(key)
    salt = mac(own, b"salt" + random32 + header + plain)
    header += salt + struct.pack(">I", size + 16)
    commitment = mac(own, b"commit" + header)
    header += commitment
    cipher = ChaCha20Poly1305(mac(own, b"encrypt" + commitment))
    return header + cipher.encrypt(bytes(12), plain.ljust(size, b"\0"), header + scope)


def read_header(record, kinds):
    """The steps that need no key. Returns kind, revision, and rewraps."""
    check(record[:4] == b"\x89SLD", "NotARecord")
    check(len(record) >= 120, "Truncated")
    check(record[4] == 1, "UnsupportedVersion")
    check(record[5] == 1, "UnsupportedSuite")
    kind = record[6]
    check(kind in kinds, "UnknownKind")
    check(record[7] == 0, "Malformed")
    revision, rewraps = struct.unpack(">QI", record[8:20])
    check(1 <= revision < 2**63, "Malformed")
    check(rewraps == 0 or kind < 5, "Malformed")
    (body_len,) = struct.unpack(">I", record[68:72])
    check(16 <= body_len <= 2_097_168, "Malformed")
    check(len(record) >= 104 + body_len, "Truncated")
    check(len(record) == 104 + body_len, "TrailingBytes")
    return kind, revision, rewraps


def open_record(keys, scope, record):
    """Returns revision, rewraps and fields. `keys` maps an ID to a key, or to the expected error."""
    kinds, past_revision = kinds_of(scope)
    kind, revision, rewraps = read_header(record, kinds)
    key = keys.get(record[20:36], "UnknownKey")
    check(isinstance(key, bytes), key)
    own, commitment = scope_key(key, scope), record[72:104]
    check(constant_time.bytes_eq(mac(own, b"commit" + record[:72]), commitment), "Mismatch")
    check(past_revision in (None, revision), "Mismatch")
    cipher = ChaCha20Poly1305(mac(own, b"encrypt" + commitment))
    try:
        plain = cipher.decrypt(bytes(12), record[104:], record[:104] + scope)
    except InvalidTag:
        raise Refused("Tampered") from None
    return revision, rewraps, read_fields(plain, kind, rewraps)


def read_fields(plain, kind, rewraps):
    bad, fields, last = "BadPayload", {}, 0
    while plain and plain[0] != 0:
        check(len(plain) >= 5, bad)
        tag, size = struct.unpack(">BI", plain[:5])
        data, plain = plain[5 : 5 + size], plain[5 + size :]
        check(len(data) == size and last < tag <= len(TAGS), bad)
        fields[TAGS[tag - 1]], last = data, tag
    check(not any(plain), bad)
    always = {1: ["document"], 3: ["document"], 5: ["keyring"], 6: ["ring_key"], 7: ["manifest"]}.get(kind, [])
    if kind in PAST or rewraps > 0:
        always = always + ["origin"]
    maybe = {1: ["template"], 3: ["template"]}.get(kind, []) + (["author", "time"] if kind < 5 else [])
    check(set(always) <= set(fields) <= set(always + maybe), bad)
    for name, most in (("document", 1_000_000), ("template", 65_536)):
        check(len(fields.get(name, b"")) <= most, bad)
        utf_8(fields.get(name, b""), bad)
    check("author" not in fields or is_component(utf_8(fields["author"], bad)), bad)
    for name, size in (("time", 8), ("ring_key", 32), ("manifest", 40), ("origin", 32)):
        check(len(fields.get(name, bytes(size))) == size, bad)
    return fields


def origin(record, fields):
    return fields.get("origin", record[72:104])


# A locked keyring.


def unbase64(text):
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise Refused("Malformed") from None
    check(base64.b64encode(data).decode() == text, "Malformed")
    return data


def text_of(table, name, most=None):
    check(isinstance(table.get(name), str), "Malformed")
    check(most is None or is_component(table[name], most), "Malformed")
    return table[name]


def integer_of(table, name, most):
    check(type(table.get(name)) is int and 0 <= table[name] <= most, "Malformed")
    return table[name]


def read_lock(lock):
    """Returns name, protection, fields that are in clear, and the record."""
    check(isinstance(lock, dict), "Malformed")
    name, protection = text_of(lock, "name", 64), text_of(lock, "protection")
    fields, own = [name.encode(), protection.encode()], []
    if protection == "argon2id":
        own = ["m_kib", "t", "p", "salt"]
        fields += [struct.pack(">I", integer_of(lock, number, 2**32 - 1)) for number in own[:3]]
        fields.append(unbase64(text_of(lock, "salt")))
        check(len(fields[-1]) == 16, "Malformed")
    elif protection == "kms":
        own = ["provider", "key_ref", "wrapped"]
        fields += [text_of(lock, "provider", 64).encode(), text_of(lock, "key_ref", 2048).encode()]
        fields.append(unbase64(text_of(lock, "wrapped")))
        check(1 <= len(fields[-1]) <= 4096, "Malformed")
    else:
        check(protection == "raw", "Malformed")
    check(set(lock) == {"name", "protection", "sealed", *own}, "Malformed")
    sealed = unbase64(text_of(lock, "sealed"))
    check(len(sealed) <= 4096, "Malformed")
    return name, protection, fields, sealed


def parse_keyring(text):
    """Returns deployment, locks and the keyring's record."""
    check(len(text.encode()) <= 256 * 1024 and not text.startswith("\ufeff"), "Malformed")
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        raise Refused("Malformed") from None
    check(integer_of(table, "format", 2**63) == 1, "UnsupportedVersion")
    check(set(table) == {"format", "deployment", "sealed", "lock"}, "Malformed")
    deployment, sealed = text_of(table, "deployment", 255), unbase64(text_of(table, "sealed"))
    check(isinstance(table["lock"], list) and 1 <= len(table["lock"]) <= 16, "Malformed")
    locks = [read_lock(lock) for lock in table["lock"]]
    check(len({lock[0] for lock in locks}) == len(locks), "Malformed")
    revisions = {read_header(lock[3], (6,))[1] for lock in locks}
    _, generation, _ = read_header(sealed, (5,))
    check(len(revisions) == 1 and max(revisions) <= generation, "Mismatch")
    return deployment, locks, sealed


def lock_scope(deployment, lock):
    return b"\x7c" + encode(deployment.encode(), *lock[2])


def keyring_scope(deployment, locks):
    return b"\x7d" + encode(deployment.encode(), *(part for lock in locks for part in (encode(*lock[2]), lock[3])))


def derive_kek(lock, means):
    if lock[1] != "argon2id":
        return bytes.fromhex(means["kek"])
    m_kib, t, p = (struct.unpack(">I", field)[0] for field in lock[2][2:5])
    fits = 19 * 1024 <= m_kib <= 2**20 and 2 <= t <= 16 and 1 <= p <= 16 and t * m_kib <= 4 * 2**20
    check(fits, "Malformed")
    kdf = Argon2id(salt=lock[2][5], length=32, iterations=t, lanes=p, memory_cost=m_kib)
    return kdf.derive(means["passphrase"].encode())


def read_entries(doc):
    """Returns the entries, one line each."""
    bad = "BadPayload"
    check(len(doc) >= 2, bad)
    (count,) = struct.unpack(">H", doc[:2])
    check(1 <= count <= 256 and len(doc) == 2 + 49 * count, bad)
    lines, ids, primaries = [], set(), 0
    for at in range(2, len(doc), 49):
        state, name, key = doc[at], doc[at + 1 : at + 17], doc[at + 17 : at + 49]
        check(state in STATES and name not in ids, bad)
        check(not any(key) if state == 4 else key_id(key) == name, bad)
        ids.add(name)
        primaries += state == 1
        lines.append(f"{STATES[state]} {name.hex()} {key.hex()}\n")
    check(primaries == 1, bad)
    return "".join(lines)


def check_place(place, commitment, vector):
    """Compares set and generation with a floor, and with what is remembered."""
    for least in (vector.get("floor"), vector.get("memory")):
        check(least is None or all(ours >= theirs for ours, theirs in zip(place, least)), "RolledBack")
    forked = vector.get("memory") == list(place) and vector["commitment"] != commitment.hex()
    check(not forked, "Forked")


def unlock(text, means, vector):
    """Returns set, generation, ring key, keyring field, and the KEK."""
    deployment, locks, sealed = parse_keyring(text)
    check(vector.get("deployment", deployment) == deployment, "Mismatch")
    lock = next((lock for lock in locks if lock[0] == means["lock"]), None)
    check(lock is not None, "UnknownKey")
    kek = derive_kek(lock, means)
    revision, _, fields = open_record({key_id(kek): kek}, lock_scope(deployment, lock), lock[3])
    ring_key = fields["ring_key"]
    scope = keyring_scope(deployment, locks)
    generation, _, fields = open_record({key_id(ring_key): ring_key}, scope, sealed)
    check_place((revision, generation), sealed[72:104], vector)
    return revision, generation, ring_key, fields["keyring"], kek


# The vectors.


def accumulated(count):
    total = hashlib.sha256()
    for i in range(count):
        seed = lambda what: hashlib.sha256(what + struct.pack(">Q", i)).digest()
        letters = lambda size: bytes(97 + (i + j) % 26 for j in range(size))
        names = [b"m%d" % (i % 7), b"v%d" % (i % 11), b"i%d" % (i % 13)][: i % 3 + 1]
        is_document, is_past, rewraps = i % 10 < 9, i % 4 == 3, i % 3
        fields = {}
        if is_document:
            fields["document"] = letters(i * 37 % 3000)
            if i % 2 == 0:
                fields["template"] = letters(i * 11 % 500)
        if i % 20 > 0:
            fields["author"] = letters(i % 20)
        if i % 5 > 0:
            fields["time"] = struct.pack(">q", i)
        if is_past or rewraps > 0:
            fields["origin"] = seed(b"origin")
        scope = bytes([len(names) + 0x10 * is_past]) + encode(*names)
        if is_past:
            scope += struct.pack(">Q", i + 1)
        kind = "past " * is_past + ("document" if is_document else "tombstone")
        record = seal(seed(b"key"), scope, kind, i + 1, rewraps, fields, seed(b"random"))
        total.update(record)
        if i % 100 == 0:
            key = seed(b"key")
            assert open_record({key_id(key): key}, scope, record) == (i + 1, rewraps, fields)
    return total.hexdigest()


def fields_of(vector):
    return {name: bytes.fromhex(vector[name]) for name in TAGS if name in vector}


def refused(error, call):
    try:
        call()
    except Refused as name:
        assert str(name) == error, name
    else:
        raise AssertionError("opened")


def verify_derive(vector):
    key, label, message, output = (bytes.fromhex(vector[name]) for name in ("key", "label", "input", "output"))
    assert mac(key, label + message)[: len(output)] == output


def verify_seal(vector):
    key, scope, random32, record = (bytes.fromhex(vector[name]) for name in ("key", "scope", "random", "record"))
    kind, revision, rewraps, fields = vector["kind"], vector["revision"], vector["rewraps"], fields_of(vector)
    assert seal(key, scope, kind, revision, rewraps, fields, random32) == record
    assert open_record({key_id(key): key}, scope, record) == (revision, rewraps, fields)


def verify_past(vector):
    names = ("key", "random", "present_scope", "present", "scope", "record")
    key, random32, own, present, scope, record = (bytes.fromhex(vector[name]) for name in names)
    keys = {key_id(key): key}
    revision, _, fields = open_record(keys, own, present)
    assert scope == bytes([own[0] + 0x10]) + own[1:] + struct.pack(">Q", revision)
    fields["origin"] = origin(present, fields)
    assert fields == fields_of(vector)
    assert seal(key, scope, vector["kind"], revision, 0, fields, random32) == record
    assert open_record(keys, scope, record) == (revision, 0, fields)
    refused("UnknownKind", lambda: open_record(keys, own, record))
    refused("UnknownKind", lambda: open_record(keys, scope, present))


def verify_reject(vector):
    key, scope, record = (bytes.fromhex(vector[name]) for name in ("key", "scope", "record"))
    error = {"primary": key, "disabled": "KeyDisabled", "destroyed": "KeyDestroyed"}
    keys = {key_id(key): error[vector["state"]]}
    if "opens_under" in vector:
        open_record(keys, bytes.fromhex(vector["opens_under"]), record)
        cipher = ChaCha20Poly1305(mac(scope_key(key, scope), b"encrypt" + record[72:104]))
        cipher.decrypt(bytes(12), record[104:], record[:104] + scope)
    refused(vector["error"], lambda: open_record(keys, scope, record))


def verify_keyring(vector):
    text, means = vector["text"], vector["open"]
    if "error" in vector:

        def call():
            _, _, _, doc, _ = unlock(text, means[0], vector)
            read_entries(doc)

        refused(vector["error"], call)
        return
    deployment, locks, sealed = parse_keyring(text)
    random32 = bytes.fromhex(vector["random"])
    for opened in means:
        revision, generation, ring_key, doc, kek = unlock(text, opened, vector)
        assert (revision, generation) == (vector["set"], vector["generation"])
        assert read_entries(doc) == vector["entries"] and ring_key.hex() == vector["ring_key"]
        assert "kek" not in opened or kek.hex() == opened["kek"]
        lock = next(lock for lock in locks if lock[0] == opened["lock"])
        fields = {"ring_key": ring_key}
        assert seal(kek, lock_scope(deployment, lock), "lock", revision, 0, fields, random32) == lock[3]
        scope = keyring_scope(deployment, locks)
        assert seal(ring_key, scope, "keyring", generation, 0, {"keyring": doc}, random32) == sealed


def check_keyring_row(row):
    check(row[:4] == b"\x89SLK", "NotARecord")
    check(len(row) >= 104, "Truncated")
    check(row[4] == 1, "UnsupportedVersion")
    check(not any(row[5:72]) and len(row) - 104 <= 256 * 1024, "Malformed")
    check(hashlib.sha256(row[104:]).digest() == row[72:104], "Mismatch")
    parse_keyring(row[104:].decode())


def verify_transfer(vector):
    names = ("key", "random", "export", "manifest")
    key, random32, export, manifest = (bytes.fromhex(vector[name]) for name in names)
    keys = {key_id(key): key}
    assert export[:5] == b"\x89SLX\x01"
    at, count, listed, lines, last = 5, 0, b"", 0, b""
    while (size := struct.unpack(">H", export[at : at + 2])[0]) > 0:
        assert size <= MAX_SCOPE
        scope = export[at + 2 : at + 2 + size]
        at += 2 + size
        (length,) = struct.unpack(">I", export[at : at + 4])
        assert length <= MAX_RECORD
        record = export[at + 4 : at + 4 + length]
        at += 4 + length
        assert last < scope, "strictly ascending"
        last, count = scope, count + 1
        if scope == b"\x7d":
            check_keyring_row(record)
            continue
        revision, _, fields = open_record(keys, scope, record)
        if scope[0] < 0x10:
            listed += encode(scope) + struct.pack(">Q", revision) + origin(record, fields)
            lines += 1
    assert export[at:] == b"\0\0" + struct.pack(">Q", count)
    doc = struct.pack(">Q", lines) + hashlib.sha256(listed).digest()
    sealed = seal(key, b"\x7e", "manifest", vector["revision"], 0, {"manifest": doc}, random32)
    assert manifest == b"\x89SLM\x01" + listed + b"\0\0" + struct.pack(">I", len(sealed)) + sealed
    assert open_record(keys, b"\x7e", sealed) == (vector["revision"], 0, {"manifest": doc})


def verify_accumulated(vector):
    assert accumulated(vector["count"]) == vector["sha256"]


def main():
    passed = failed = 0
    for path in sorted(FOLDER.rglob("*.toml")):
        of = path.parent.name if path.parent != FOLDER else path.stem
        try:
            globals()[f"verify_{of}"](tomllib.loads(path.read_text()))
        except Exception as error:
            failed += 1
            print(f"{path.relative_to(FOLDER)}: {error!r}")
        else:
            passed += 1
    print(f"{passed} passed, {failed} failed")
    sys.exit(failed != 0 or passed == 0)


if __name__ == "__main__":
    main()
