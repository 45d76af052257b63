#!/usr/bin/env python3
"""Writes record/reject/two-keys.toml: one ciphertext whose tag verifies under two keys.

ChaCha20-Poly1305 does not commit to its key. With the keys of two scopes, one can solve one linear
equation modulo 2^130 - 5 for one block of ciphertext, so that the tags under both keys are equal. The
block must also be a valid input of Poly1305, and must decrypt to UTF-8 under the first key, so that
the record opens there. `FOUND` is the first counter that gives such a block.
"""

import hashlib
import hmac
import pathlib
import struct
import sys

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms

P = 2**130 - 5
KEY = bytes([0x11]) * 32
FOUND = 5_403


def mac(key, message):
    return hmac.digest(key, message, hashlib.sha256)


def scope(*names):
    parts = [struct.pack(">H", len(name)) + name for name in names]
    return bytes([len(names)]) + b"".join(parts)


def scope_key(of):
    return mac(KEY, b"secrets-toml/v1 scope\0" + of)


def keystream(key, length):
    algorithm = algorithms.ChaCha20(key, bytes(16))
    return Cipher(algorithm, None).encryptor().update(bytes(64 + length))


def blocks(data):
    """Splits padded data into the 16-byte blocks that Poly1305 reads."""
    data += bytes(-len(data) % 16)
    return [int.from_bytes(data[i : i + 16] + b"\1", "little") for i in range(0, len(data), 16)]


class Side:
    """One of the two keys: its scope's key for the record of this commitment, and its Poly1305 key."""

    def __init__(self, of, header):
        self.scope = of
        aead_key = mac(scope_key(of), b"encrypt" + header[72:])
        stream = keystream(aead_key, 64)
        self.r = int.from_bytes(stream[:16], "little") & 0x0FFFFFFC0FFFFFFC0FFFFFFC0FFFFFFF
        self.s = int.from_bytes(stream[16:32], "little")
        self.stream = stream[64:]
        self.aad = header + of

    def poly(self, ciphertext):
        sizes = struct.pack("<QQ", len(self.aad), len(ciphertext))
        total = 0
        for block in blocks(self.aad) + blocks(ciphertext) + blocks(sizes):
            total = (total + block) * self.r % P
        return total

    def tag(self, ciphertext):
        return (self.poly(ciphertext) + self.s) % 2**128


def attempt(counter):
    key_id = mac(KEY, b"secrets-toml/v1 key-id")[:16]
    salt = hashlib.sha256(b"two keys" + struct.pack(">I", counter)).digest()
    # The plaintext has two blocks: a field's tag and length and 11 bytes of text, then the 16 bytes to
    # solve for.
    body_len = struct.pack(">I", 32 + 16)
    header = b"\x89SLD\1\1\1\0" + struct.pack(">QI", 1, 0) + key_id + salt + body_len
    ours, theirs = scope(b"chat", b"1", b"acme"), scope(b"chat", b"1", b"eve")
    header += mac(scope_key(ours), b"commit" + header)
    ours, theirs = Side(ours, header), Side(theirs, header)
    start = b"\1" + struct.pack(">I", 27) + b"# two keys:"
    first = bytes(a ^ b for a, b in zip(start, ours.stream))

    # The second block is 0, without the bit that Poly1305 adds to every block: that is part of the
    # unknown.
    def rest(side):
        return (side.poly(first + bytes(16)) - 2**128 * side.r**2) % P

    for carry in range(-4, 5):
        gap = theirs.s - ours.s + carry * 2**128
        factor = (ours.r**2 - theirs.r**2) % P
        block = (gap + rest(theirs) - rest(ours)) * pow(factor, -1, P) % P
        if not 2**128 <= block < 2**129:
            continue
        ciphertext = first + (block - 2**128).to_bytes(16, "little")
        if ours.tag(ciphertext) != theirs.tag(ciphertext):
            continue
        text = bytes(a ^ b for a, b in zip(ciphertext, ours.stream))[5:]
        try:
            text.decode()
        except UnicodeDecodeError:
            continue
        tag = ours.tag(ciphertext).to_bytes(16, "little")
        return ours, theirs, header + ciphertext + tag
    return None


def main():
    if sys.argv[1:] == ["--search"]:
        print(next(counter for counter in range(2**32) if attempt(counter)))
        return
    ours, theirs, record = attempt(FOUND)
    path = pathlib.Path(__file__).parent / "record/reject/two-keys.toml"
    path.write_text(
        'note = "a tag that verifies under two keys, with the commitment of the other one"\n'
        f'error = "Mismatch"\n'
        f'key = "{KEY.hex()}"\n'
        'state = "primary"\n'
        f'scope = "{theirs.scope.hex()}"\n'
        f'opens_under = "{ours.scope.hex()}"\n'
        f'record = "{record.hex()}"\n'
    )


if __name__ == "__main__":
    main()
