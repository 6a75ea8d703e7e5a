#!/usr/bin/python3
"""Seals a batch as docs/specification.md says, from RFC 9180 and nothing of ours: tests/sealed/seal.py > FILE.batch

seal.key beside it is the receiver's: openssl genpkey -algorithm X25519 -out seal.key
"""
import hashlib
import hmac
import os
import subprocess
import sys

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key


def varint(number):
    octets = b""
    while number >= 0x80:
        octets += bytes([number & 0x7F | 0x80])
        number >>= 7
    return octets + bytes([number])


def number(tag, value):
    return varint(tag << 3) + varint(value)


def octets(tag, value):
    return varint(tag << 3 | 2) + varint(len(value)) + value


def raw(key):
    return key.public_bytes(Encoding.Raw, PublicFormat.Raw)


def extract(suite, salt, label, ikm):
    return hmac.new(salt or bytes(32), b"HPKE-v1" + suite + label + ikm, hashlib.sha256).digest()


def expand(suite, prk, label, info, length):
    info = length.to_bytes(2, "big") + b"HPKE-v1" + suite + label + info
    block, out, counter = b"", b"", 1
    while len(out) < length:
        block = hmac.new(prk, block + info + bytes([counter]), hashlib.sha256).digest()
        out, counter = out + block, counter + 1
    return out[:length]


def seal(public, info, content, associated):
    """SealBase of RFC 9180 with DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM."""
    kem, suite = b"KEM" + b"\x00\x20", b"HPKE" + b"\x00\x20" + b"\x00\x01" + b"\x00\x02"
    ephemeral = X25519PrivateKey.generate()
    enc = raw(ephemeral.public_key())
    dh = ephemeral.exchange(X25519PublicKey.from_public_bytes(public))
    secret = expand(kem, extract(kem, b"", b"eae_prk", dh), b"shared_secret", enc + public, 32)
    context = b"\x00" + extract(suite, b"", b"psk_id_hash", b"") + extract(suite, b"", b"info_hash", info)
    secret = extract(suite, secret, b"secret", b"")
    key = expand(suite, secret, b"key", context, 32)
    nonce = expand(suite, secret, b"base_nonce", context, 12)
    return enc, AESGCM(key).encrypt(nonce, content, associated)


with open(os.path.join(os.path.dirname(__file__), "seal.key"), "rb") as file:
    public = raw(load_pem_private_key(file.read(), None).public_key())
body = subprocess.run(["zstd", "-c"], input=b"", capture_output=True, check=True).stdout
appliance, epoch, sequence = b"site-1", 2**62 + 1, 3
batch = number(1, 4) + octets(2, appliance) + number(3, epoch) + number(4, sequence)
batch += octets(5, bytes(32)) + octets(11, b"eu") + octets(12, b"pseudonymous") + octets(15, body)
key = hashlib.sha256(b"headgate seal key v1\0" + public).digest()[:8]
associated = key + bytes([len(appliance)]) + appliance + epoch.to_bytes(8, "big") + sequence.to_bytes(8, "big")
enc, ciphertext = seal(public, b"headgate sealed batch v1", batch, associated)
sealed = number(1, 1) + octets(2, appliance) + number(3, epoch) + number(4, sequence)
sealed += octets(5, key) + octets(6, enc) + octets(15, ciphertext)
sys.stdout.buffer.write(sealed)
