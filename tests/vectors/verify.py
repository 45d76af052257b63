#!/usr/bin/env python3
"""Checks the vectors in `record/` with a second implementation of the format.

It was written from the description of the format alone, on top of Python's `cryptography`. It seals to
the same bytes, opens to the same documents, and rejects bad records with the same errors.
"""

import base64
import hashlib
import pathlib
import re
import struct
import sys
import tomllib

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import constant_time, hashes, hmac
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

FOLDER = pathlib.Path(__file__).parent / "record"
KINDS = {"document": 1, "tombstone": 2, "keyring": 3, "manifest": 4}
STATES = {1: "primary", 2: "active", 3: "disabled", 4: "destroyed"}


class Refused(Exception):
    """A rejected record. Holds the name of the error."""


def check(holds, error):
    if not holds:
        raise Refused(error)


def expand(prk, info, length):
    return HKDFExpand(hashes.SHA256(), length, info).derive(prk)


def mac(key, message):
    code = hmac.HMAC(key, hashes.SHA256())
    code.update(message)
    return code.finalize()


def key_id(key):
    return expand(key, b"secrets-toml/v1 key-id", 16)


def scope_key(key, scope):
    return expand(key, b"secrets-toml/v1 scope\0" + scope, 32)


def record_keys(key, header):
    okm = expand(key, b"secrets-toml/v1 record\0" + header[:68], 76)
    return okm[:32], okm[32:64], okm[64:]


def encode_scope(kind, *components):
    return bytes([kind]) + b"".join(struct.pack(">H", len(c)) + c for c in components)


def seal(key, scope, kind, revision, doc, random32):
    size = 1024
    while size < 4 + len(doc):
        size *= 2
    plaintext = (struct.pack(">I", len(doc)) + doc).ljust(size, b"\0")
    header = b"\x89SLD" + bytes([1, 1, KINDS[kind], 0]) + struct.pack(">Q", revision) + key_id(key)
    body_len = struct.pack(">I", size + 16)
    own = scope_key(key, scope)
    salt_key = expand(own, b"secrets-toml/v1 salt", 32)
    header += mac(salt_key, random32 + header + body_len + plaintext) + body_len
    commitment, aead_key, nonce = record_keys(own, header)
    body = ChaCha20Poly1305(aead_key).encrypt(nonce, plaintext, header + scope)
    return header + commitment + body


def open_record(keys, scope, record, kinds):
    """Returns revision and document. `keys` maps an ID to a key, or to the expected error."""
    check(record[:4] == b"\x89SLD", "NotARecord")
    check(len(record) >= 120, "Truncated")
    check(record[4] == 1, "UnsupportedVersion")
    check(record[5] == 1, "UnsupportedSuite")
    check(record[6] in [KINDS[kind] for kind in kinds], "UnknownKind")
    check(record[7] == 0, "Malformed")
    (revision,) = struct.unpack(">Q", record[8:16])
    check(1 <= revision < 2**63, "Malformed")
    (body_len,) = struct.unpack(">I", record[64:68])
    check(20 <= body_len <= 1_048_592, "Malformed")
    check(len(record) >= 100 + body_len, "Truncated")
    check(len(record) == 100 + body_len, "TrailingBytes")
    key = keys.get(record[16:32], "UnknownKey")
    check(isinstance(key, bytes), key)
    commitment, aead_key, nonce = record_keys(scope_key(key, scope), record)
    check(constant_time.bytes_eq(commitment, record[68:100]), "Mismatch")
    try:
        plaintext = ChaCha20Poly1305(aead_key).decrypt(nonce, record[100:], record[:68] + scope)
    except InvalidTag:
        raise Refused("Tampered") from None
    (doc_len,) = struct.unpack(">I", plaintext[:4])
    doc, padding = plaintext[4 : 4 + doc_len], plaintext[4 + doc_len :]
    check(len(doc) == doc_len and not any(padding), "BadPayload")
    check(record[6] != KINDS["tombstone"] or not doc, "BadPayload")
    if record[6] == KINDS["document"]:
        try:
            doc.decode()
        except UnicodeDecodeError:
            raise Refused("BadPayload") from None
    return revision, doc


def outer_scope(fields):
    protection = fields["protection"]
    if protection == "raw":
        return encode_scope(0x7F, b"raw")
    if protection == "argon2id":
        own = fields["argon2id"]
        numbers = [struct.pack(">I", own[name]) for name in ("m_kib", "t", "p")]
        return encode_scope(0x7F, b"argon2id", *numbers, base64.b64decode(own["salt"]))
    own = fields["kms"]
    names = [own[name].encode() for name in ("provider", "key_ref")]
    return encode_scope(0x7F, b"kms", *names, base64.b64decode(own["wrapped"]))


def unlock(fields, kek):
    """Returns the generation and the entries, one line each."""
    record = base64.b64decode(fields["sealed"], validate=True)
    generation, doc = open_record({key_id(kek): kek}, outer_scope(fields), record, ["keyring"])
    (count,) = struct.unpack(">H", doc[:2])
    check(1 <= count <= 256 and len(doc) == 2 + 49 * count, "BadPayload")
    lines, ids, primaries = [], set(), 0
    for at in range(2, len(doc), 49):
        state, name, key = doc[at], doc[at + 1 : at + 17], doc[at + 17 : at + 49]
        check(state in STATES and name not in ids, "BadPayload")
        check(not any(key) if state == 4 else key_id(key) == name, "BadPayload")
        ids.add(name)
        primaries += state == 1
        lines.append(f"{STATES[state]} {name.hex()} {key.hex()}\n")
    check(primaries == 1, "BadPayload")
    return generation, "".join(lines)


def accumulated(count):
    total = hashlib.sha256()
    for i in range(count):
        seed = [hashlib.sha256(what + struct.pack(">Q", i)).digest() for what in (b"key", b"random")]
        names = [b"m%d" % (i % 7), b"v%d" % (i % 11), b"i%d" % (i % 13)][: i % 3 + 1]
        scope = encode_scope(len(names), *names)
        kind, size = ("tombstone", 0) if i % 10 == 9 else ("document", i * 37 % 3000)
        doc = bytes(97 + (i + j) % 26 for j in range(size))
        total.update(seal(seed[0], scope, kind, i + 1, doc, seed[1]))
    return total.hexdigest()


def verify_derive(fields):
    key, message = bytes.fromhex(fields["key"]), bytes.fromhex(fields["label"] + fields["info"])
    output = bytes.fromhex(fields["output"])
    if fields["function"] == "expand":
        assert expand(key, message, len(output)) == output
    else:
        assert mac(key, message) == output


def verify_seal(fields):
    names = ("key", "scope", "doc", "random", "record")
    key, scope, doc, random32, record = (bytes.fromhex(fields[name]) for name in names)
    kind, revision = fields["kind"], fields["revision"]
    assert seal(key, scope, kind, revision, doc, random32) == record
    assert open_record({key_id(key): key}, scope, record, [kind]) == (revision, doc)


def verify_reject(fields):
    key, scope, record = (bytes.fromhex(fields[name]) for name in ("key", "scope", "record"))
    error = {"primary": key, "disabled": "KeyDisabled", "destroyed": "KeyDestroyed"}
    keys, kinds = {key_id(key): error[fields["state"]]}, ["document", "tombstone"]
    if "opens_under" in fields:
        open_record(keys, bytes.fromhex(fields["opens_under"]), record, kinds)
        _, aead_key, nonce = record_keys(scope_key(key, scope), record)
        ChaCha20Poly1305(aead_key).decrypt(nonce, record[100:], record[:68] + scope)
    try:
        open_record(keys, scope, record, kinds)
    except Refused as refused:
        assert str(refused) == fields["error"], refused
    else:
        raise AssertionError("opened")


def verify_keyring(fields):
    text = tomllib.loads(fields["text"])
    if "passphrase" in fields:
        own = text["argon2id"]
        kdf = Argon2id(
            salt=base64.b64decode(own["salt"]),
            length=32,
            iterations=own["t"],
            lanes=own["p"],
            memory_cost=own["m_kib"],
        )
        kek = kdf.derive(fields["passphrase"].encode())
        assert "error" in fields or kek.hex() == fields["kek"]
    else:
        kek = bytes.fromhex(fields["kek"])
    if "error" in fields:
        try:
            unlock(text, kek)
        except Refused as refused:
            assert str(refused) == fields["error"], refused
            return
        raise AssertionError("unlocked")
    assert unlock(text, kek) == (fields["generation"], fields["entries"])
    states = {name: number for number, name in STATES.items()}
    entries = [line.split() for line in fields["entries"].splitlines()]
    doc = struct.pack(">H", len(entries))
    for state, name, key in entries:
        doc += bytes([states[state]]) + bytes.fromhex(name + key)
    random32 = bytes.fromhex(fields["random"])
    record = seal(kek, outer_scope(text), "keyring", fields["generation"], doc, random32)
    sealed = re.search('^sealed = "(.*)"$', fields["text"], re.MULTILINE)[1]
    assert base64.b64encode(record).decode() == sealed


def verify_transfer(fields):
    key, random32 = bytes.fromhex(fields["key"]), bytes.fromhex(fields["random"])
    export, manifest = bytes.fromhex(fields["export"]), bytes.fromhex(fields["manifest"])
    assert export[:5] == b"\x89SLX\x01"
    at, count, listed, last = 5, 0, b"", b""
    while (size := struct.unpack(">H", export[at : at + 2])[0]) > 0:
        scope = export[at + 2 : at + 2 + size]
        at += 2 + size
        (length,) = struct.unpack(">I", export[at : at + 4])
        record = export[at + 4 : at + 4 + length]
        at += 4 + length
        revision, _ = open_record({key_id(key): key}, scope, record, ["document", "tombstone"])
        listed += struct.pack(">H", size) + scope + struct.pack(">Q", revision) + record[68:100]
        assert last < scope, "in the order of the scopes"
        last, count = scope, count + 1
    assert export[at:] == b"\0\0" + struct.pack(">Q", count)
    doc = struct.pack(">Q", count) + hashlib.sha256(listed).digest()
    sealed = seal(key, encode_scope(0x7E), "manifest", fields["revision"], doc, random32)
    assert listed + sealed == manifest
    opened = open_record({key_id(key): key}, encode_scope(0x7E), manifest[len(listed) :], ["manifest"])
    assert opened == (fields["revision"], doc)


def verify_accumulated(fields):
    assert accumulated(fields["count"]) == fields["sha256"]


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
