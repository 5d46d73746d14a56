"""WCMP version 1, written from the text of the specification alone.

A second implementation of the envelope, of bundles and of stamps, meant to be read beside the
specification and to test the first one. Section numbers are those of the envelope
specification; "bundle" means section 1 of the document on carrying envelopes. Nothing here is
fast, and Python cannot erase secrets: do not use it for real messages.

Run as a program it answers requests, one JSON object a line (see `answer`).
"""

import base64
import hashlib
import hmac
import json
import os
import sys
import unicodedata
from dataclasses import dataclass, field
from functools import cached_property

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id


class WcmpError(Exception):
    """An error with a code of section 12."""

    def __init__(self, code):
        super().__init__(code)
        self.code = code


def require(condition, code):
    if not condition:
        raise WcmpError(code)


# ---------------------------------------------------------------- 0. Notation


# Big-endian numbers.
u8, u16, u32, u64 = (lambda n, size=size: n.to_bytes(size, "big") for size in (1, 2, 4, 8))


def lp(x):
    """LP(x): the length as u32, then x."""
    return u32(len(x)) + x


def sha256(*parts):
    """H(x..)"""
    return hashlib.sha256(b"".join(parts)).digest()


def mac(key, message):
    """HMAC-SHA-256"""
    return hmac.digest(key, message, "sha256")


def extract(salt, ikm):
    """HKDF-Extract, RFC 5869"""
    return mac(salt, ikm)


def expand(prk, info, length):
    """HKDF-Expand, RFC 5869"""
    out, block = b"", b""
    while len(out) < length:
        block = mac(prk, block + info + u8(len(out) // 32 + 1))
        out += block
    return out[:length]


# ---------------------------------------------------------------- 1. Keys

KEM_LEN = {1: 32, 2: 1216}
P25519 = 2**255 - 19
X25519_BASE = bytes([9]) + bytes(31)


def x25519(scalar, u):
    """X25519 of RFC 7748; ValueError where the result is all zero."""
    public = X25519PublicKey.from_public_bytes(u)
    return X25519PrivateKey.from_private_bytes(scalar).exchange(public)


@dataclass(frozen=True)
class PublicKey:
    """A PK (1.2); made by `PublicKey.parse` where it comes from outside."""

    raw: bytes

    @classmethod
    def parse(cls, raw):
        """Validation (1.3)."""
        pk = cls(raw)
        require(len(raw) >= 2 and pk.type in KEM_LEN, "key")
        require(len(raw) == 2 + KEM_LEN[pk.type] + 32, "key")
        require(valid_x25519(pk.kem_pk[-32:]), "key")
        require(pk.type == 1 or valid_ml_kem(pk.kem_pk[:-32]), "key")
        require(valid_ed25519(pk.sig_pk), "key")
        return pk

    @property
    def type(self):
        return int.from_bytes(self.raw[:2], "big")

    @property
    def kem_pk(self):
        return self.raw[2:-32]

    @property
    def sig_pk(self):
        return self.raw[-32:]

    @cached_property
    def key_id(self):
        return sha256(b"WCMP v1 key id", self.raw)

    @cached_property
    def hint_key(self):
        return sha256(b"WCMP v1 hint key", self.raw)

    def text(self):
        """Text form (1.5)."""
        return "wcmp1" + base32(self.raw + sha256(b"WCMP v1 text", self.raw)[:4])

    @classmethod
    def from_text(cls, text):
        raw = unbase32(text, "wcmp1")[:-4]
        require(cls(raw).text() == text, "key")
        return cls.parse(raw)

    def fingerprint(self):
        """For reading aloud (1.5)."""
        s = base32(self.key_id[:15])
        return " ".join(s[i : i + 4] for i in range(0, 24, 4))


class KeyPair:
    """A key pair made from a type and a seed (1.1)."""

    def __init__(self, type, seed):
        require(type in KEM_LEN and len(seed) == 32, "key")
        self.type, self.seed = type, seed
        prk = extract(b"WCMP v1 key pair", seed)
        self.kem_sk = expand(prk, b"kem" + u16(type), 32)
        self.signer = Ed25519PrivateKey.from_private_bytes(expand(prk, b"sig" + u16(type), 32))
        kem_pk = x25519(self.kem_sk, X25519_BASE) if type == 1 else xwing_public(self.kem_sk)
        self.public = PublicKey(u16(type) + kem_pk + self.signer.public_key().public_bytes_raw())

    def secret_text(self):
        """Secret text form (1.5)."""
        raw = u16(self.type) + self.seed
        return "wcmp-secret1" + base32(raw + sha256(b"WCMP v1 secret text", raw)[:4])

    @classmethod
    def from_secret_text(cls, text):
        raw = unbase32(text, "wcmp-secret1")[:-4]
        pair = cls(int.from_bytes(raw[:2], "big"), raw[2:])
        require(pair.secret_text() == text, "key")
        return pair

    def pair_key(self, theirs):
        """Secret shared with another key of type 1 (1.6)."""
        return extract(b"WCMP v1 pair", x25519(self.kem_sk, theirs.kem_pk))


def base32(raw):
    return base64.b32encode(raw).decode().rstrip("=").lower()


def unbase32(text, prefix):
    """Lenient: callers write the result again and compare (1.5)."""
    require(text.startswith(prefix), "key")
    body = text[len(prefix) :].upper()
    try:
        return base64.b32decode(body + "=" * (-len(body) % 8))
    except ValueError:
        raise WcmpError("key") from None


def valid_x25519(u):
    """Canonical, bit 255 clear, not of small order (1.3)."""
    try:
        x25519(bytes([8]) + bytes(31), u)
    except ValueError:
        return False
    return int.from_bytes(u, "little") < P25519


def valid_ml_kem(ek):
    """FIPS 203 encapsulation key check of ML-KEM-768: every coefficient below 3329 (1.3)."""
    bits = int.from_bytes(ek[:1152], "little")
    coefficients = (bits >> shift & 0xFFF for shift in range(0, 1152 * 8, 12))
    return len(ek) == 1184 and all(c < 3329 for c in coefficients)


ED_D = -121665 * pow(121666, -1, P25519) % P25519
ED_L = 2**252 + 27742317777372353535851937790883648493
SQRT_MINUS_1 = pow(2, (P25519 - 1) // 4, P25519)


def ed25519_decode(raw):
    """The affine point, or None; strict as 1.3 says."""
    sign, y = raw[31] >> 7, int.from_bytes(raw, "little") & (2**255 - 1)
    if y >= P25519:
        return None
    x2 = (y * y - 1) * pow(ED_D * y * y + 1, -1, P25519) % P25519
    x = pow(x2, (P25519 + 3) // 8, P25519)
    if x * x % P25519 != x2:
        x = x * SQRT_MINUS_1 % P25519
    if x * x % P25519 != x2 or (x == 0 and sign == 1):
        return None
    return (P25519 - x if x & 1 != sign else x), y


def ed25519_double(x, y):
    k = ED_D * x * x * y * y
    x, y = 2 * x * y * pow(1 + k, -1, P25519), (y * y + x * x) * pow(1 - k, -1, P25519)
    return x % P25519, y % P25519


def valid_ed25519(raw):
    """Canonical, on the curve, 8·A is not the identity (1.3)."""
    point = ed25519_decode(raw)
    if point is None:
        return False
    for _ in range(3):
        point = ed25519_double(*point)
    return point != (0, 1)


def verify_strict(pk, message, signature):
    """Strict Ed25519 (1.4). OpenSSL compares [S]B - [k]A with R byte for byte: cofactorless."""
    if len(signature) != 64 or not valid_ed25519(pk.sig_pk) or not valid_ed25519(signature[:32]):
        return False
    if int.from_bytes(signature[32:], "little") >= ED_L:
        return False
    try:
        Ed25519PublicKey.from_public_bytes(pk.sig_pk).verify(signature, message)
    except InvalidSignature:
        return False
    return True


# ---------------------------------------------------------------- X-Wing (1.1, draft 06)

XWING_LABEL = bytes.fromhex("5c2e2f2f5e5c")


def xwing_expand(sk):
    """The ML-KEM-768 key and the X25519 scalar of a 32-byte decapsulation key."""
    seed = hashlib.shake_256(sk).digest(96)
    return MLKEM768PrivateKey.from_seed_bytes(seed[:64]), seed[64:]


def xwing_public(sk):
    ml_kem, scalar = xwing_expand(sk)
    return ml_kem.public_key().public_bytes_raw() + x25519(scalar, X25519_BASE)


def xwing_combine(ss_m, ss_x, ct_x, pk_x):
    return hashlib.sha3_256(ss_m + ss_x + ct_x + pk_x + XWING_LABEL).digest()


def xwing_encap(pk):
    """(shared secret, ciphertext), from the system's random numbers."""
    pk_m, pk_x = pk[:1184], pk[1184:]
    ss_m, ct_m = MLKEM768PublicKey.from_public_bytes(pk_m).encapsulate()
    scalar = os.urandom(32)
    ct_x = x25519(scalar, X25519_BASE)
    return xwing_combine(ss_m, x25519(scalar, pk_x), ct_x, pk_x), ct_m + ct_x


def xwing_decap(sk, ct):
    """ValueError where X25519 gives zero."""
    ml_kem, scalar = xwing_expand(sk)
    ct_m, ct_x = ct[:1088], ct[1088:]
    pk_x = x25519(scalar, X25519_BASE)
    return xwing_combine(ml_kem.decapsulate(ct_m), x25519(scalar, ct_x), ct_x, pk_x)


# ---------------------------------------------------------------- 2. Suites


@dataclass(frozen=True)
class Suite:
    id: int
    key_type: int
    kem_id: int
    aead_id: int
    sealed: bool
    enc_len: int
    slot_len: int

    def aead(self, key):
        return (AESGCM if self.aead_id == 0x0002 else ChaCha20Poly1305)(key)


ALL_SUITES = (
    Suite(0x0001, 1, 0x0020, 0x0002, False, 32, 48),
    Suite(0x0002, 1, 0x0020, 0x0003, False, 32, 48),
    Suite(0x0003, 2, 0x647A, 0x0002, False, 0, 1168),
    Suite(0x0101, 1, 0x0020, 0x0002, True, 32, 48),
    Suite(0x0102, 1, 0x0020, 0x0003, True, 32, 48),
)
SUITES = {suite.id: suite for suite in ALL_SUITES}


# ---------------------------------------------------------------- 3. Encoding rules


def varint(n):
    out = b""
    while n >= 0x80:
        out += u8(n & 0x7F | 0x80)
        n >>= 7
    return out + u8(n)


def vbytes(x):
    return varint(len(x)) + x


class Reader:
    """Reads the postcard subset; whatever is wrong raises the given code."""

    def __init__(self, data, code):
        self.data, self.pos, self.code = data, 0, code

    def take(self, n):
        require(n <= len(self.data) - self.pos, self.code)
        self.pos += n
        return self.data[self.pos - n : self.pos]

    def varint(self):
        value = 0
        for shift in range(0, 35, 7):
            byte = self.take(1)[0]
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                require((byte > 0 or shift == 0) and value < 2**32, self.code)
                return value
        raise WcmpError(self.code)

    def vbytes(self):
        return self.take(self.varint())

    def option(self):
        tag = self.take(1)[0]
        require(tag <= 1, self.code)
        return tag == 1

    def finish(self):
        require(self.pos == len(self.data), self.code)


# ---------------------------------------------------------------- 4. Envelope

MAX_TOTAL = 16_777_216
MAX_SLOTS = 4096
MAX_CONTENT = 16_252_928


@dataclass
class Envelope:
    suite: int
    sender_nonce: bytes
    sender_hint: bytes
    expires: int
    commitment: bytes = b""
    payload: bytes = b""
    recipient_nonce: bytes = b""
    encapsulation: bytes = b""
    hints: list = field(default_factory=list)
    sealed_keys: list = field(default_factory=list)
    signature: bytes = b""

    @property
    def prefix(self):
        head = u8(1) + u16(self.suite) + self.sender_nonce + self.sender_hint
        return head + u32(self.expires)

    def encode(self):
        head = self.prefix + self.commitment + vbytes(self.payload) + self.recipient_nonce
        hints, keys = b"".join(self.hints), b"".join(self.sealed_keys)
        tail = (self.encapsulation, hints, keys, self.signature)
        return head + b"".join(map(vbytes, tail))

    # The hashes of 4.3; asked for once the fields they cover are set.

    @cached_property
    def body(self):
        head = b"WCMP v1 body" + self.prefix + self.commitment
        return sha256(head, lp(self.payload), self.recipient_nonce, lp(self.encapsulation))

    @cached_property
    def core(self):
        return sha256(b"WCMP v1 core", self.body, lp(b"".join(self.hints)))

    @cached_property
    def digest(self):
        return sha256(b"WCMP v1 digest", self.core, lp(b"".join(self.sealed_keys)))

    @cached_property
    def id(self):
        return sha256(b"WCMP v1 id", self.digest, lp(self.signature))


def split(data, size):
    return [data[i : i + size] for i in range(0, len(data), size)]


def parse(data):
    """Structure (4.1), in the order of the text; unknown suites pass."""
    require(len(data) <= MAX_TOTAL, "size")
    r = Reader(data, "malformed")
    require(r.take(1)[0] == 1, "version")
    suite = int.from_bytes(r.take(2), "big")
    sender_nonce, sender_hint = r.take(16), r.take(16)
    expires = int.from_bytes(r.take(4), "big")
    commitment, payload = r.take(32), r.vbytes()
    recipient_nonce, encapsulation = r.take(16), r.vbytes()
    hints, keys, signature = r.vbytes(), r.vbytes(), r.vbytes()
    r.finish()
    slots = len(hints) // 16
    require(len(hints) % 16 == 0 and 1 <= slots <= MAX_SLOTS, "malformed")
    hints = split(hints, 16)
    require(all(a < b for a, b in zip(hints, hints[1:])), "malformed")
    require(len(keys) % slots == 0 and len(keys) >= slots, "malformed")
    require(len(payload) >= 16 and len(encapsulation) <= 65535, "malformed")
    require(1 <= len(signature) <= 65535, "malformed")
    return Envelope(
        suite, sender_nonce, sender_hint, expires, commitment, payload, recipient_nonce,
        encapsulation, hints, split(keys, len(keys) // slots), signature,
    )  # fmt: skip


def check_suite(env):
    """What a reader asks beyond the structure (4.2)."""
    require(env.suite in SUITES, "suite")
    suite, slots, padded = SUITES[env.suite], len(env.hints), len(env.payload) - 16
    require(len(env.encapsulation) == suite.enc_len, "malformed")
    require(len(env.sealed_keys[0]) == suite.slot_len, "malformed")
    require(len(env.signature) == 64, "malformed")
    require(slots >= 4 and slots & (slots - 1) == 0, "malformed")
    require(padded_len(padded) == padded, "malformed")
    return suite


# ---------------------------------------------------------------- 5. Content


@dataclass
class Content:
    introduction: bytes | None = None
    reply: tuple | None = None  # (PK, signature)
    content_type: str = ""
    body: bytes = b""
    extensions: list = field(default_factory=list)  # (id, bytes)

    def encode(self):
        """5.1; the limits are the builder's (7.4)."""
        out = b"\0" if self.introduction is None else b"\1" + vbytes(self.introduction)
        out += b"\0" if self.reply is None else b"\1" + b"".join(map(vbytes, self.reply))
        out += vbytes(self.content_type.encode()) + vbytes(self.body)
        out += varint(len(self.extensions))
        return out + b"".join(varint(n) + vbytes(x) for n, x in self.extensions)

    @classmethod
    def decode(cls, data):
        """5.1; no id of 2^31 and more is understood here."""
        require(len(data) <= MAX_CONTENT, "bad-content")
        r = Reader(data, "bad-content")
        introduction = r.vbytes() if r.option() else None
        reply = (r.vbytes(), r.vbytes()) if r.option() else None
        content_type, body = r.vbytes(), r.vbytes()
        count = r.varint()
        require(len(content_type) <= 255 and count <= 64, "bad-content")
        extensions = [(r.varint(), r.vbytes()) for _ in range(count)]
        r.finish()
        ids = [n for n, _ in extensions]
        require(all(a < b for a, b in zip(ids, ids[1:])), "bad-content")
        require(all(n < 2**31 for n in ids), "bad-content")
        try:
            return cls(introduction, reply, content_type.decode(), body, extensions)
        except UnicodeDecodeError:
            raise WcmpError("bad-content") from None


def padded_len(n):
    """5.2"""
    if n <= 1024:
        return 1024
    if n <= 65536:
        return 1 << (n - 1).bit_length()
    e = n.bit_length() - 1
    z = e - e.bit_length()
    return -(-n >> z) << z


def pad(content):
    return (content + b"\x80").ljust(padded_len(len(content) + 1), b"\0")


def unpad(plaintext):
    marked = plaintext.rstrip(b"\0")
    require(marked.endswith(b"\x80"), "bad-content")
    require(padded_len(len(marked)) == len(plaintext), "bad-content")
    return marked[:-1]


def reply_message(sender, prefix, reply):
    """What a reply key signs (5.3)."""
    sender_id = sender.key_id if sender else bytes(32)
    return b"WCMP v1 reply key" + sender_id + prefix + reply.key_id


# ---------------------------------------------------------------- 6. Key schedule


class ContentKeys:
    """Keys derived from the content key and the prefix (6.1)."""

    def __init__(self, content_key, prefix):
        prk, hp = extract(b"WCMP v1 content key", content_key), sha256(prefix)
        self.payload_key = expand(prk, b"payload" + hp, 32)
        self.commitment = expand(prk, b"commitment" + hp, 32)
        self.mask = expand(prk, b"signature" + hp, 64)


def hpke_labeled_extract(suite_id, salt, label, ikm):
    """RFC 9180, 4"""
    return extract(salt, b"HPKE-v1" + suite_id + label + ikm)


def hpke_labeled_expand(suite_id, prk, label, info, length):
    """RFC 9180, 4"""
    return expand(prk, u16(length) + b"HPKE-v1" + suite_id + label + info, length)


def dhkem_secret(dh, enc, kem_pk):
    """ExtractAndExpand of DHKEM(X25519, HKDF-SHA256), RFC 9180, 4.1"""
    suite_id = b"KEM" + u16(0x0020)
    prk = hpke_labeled_extract(suite_id, b"", b"eae_prk", dh)
    return hpke_labeled_expand(suite_id, prk, b"shared_secret", enc + kem_pk, 32)


def hpke_aead(suite, shared_secret, info):
    """Key schedule of base mode, RFC 9180, 5.1; the cipher and the nonce of its first use."""
    suite_id = b"HPKE" + u16(suite.kem_id) + u16(0x0001) + u16(suite.aead_id)
    psk_id_hash = hpke_labeled_extract(suite_id, b"", b"psk_id_hash", b"")
    context = b"\0" + psk_id_hash + hpke_labeled_extract(suite_id, b"", b"info_hash", info)
    secret = hpke_labeled_extract(suite_id, shared_secret, b"secret", b"")
    key = hpke_labeled_expand(suite_id, secret, b"key", context, 32)
    return suite.aead(key), hpke_labeled_expand(suite_id, secret, b"base_nonce", context, 12)


def hpke_seal(suite, shared_secret, info, plaintext):
    """Single shot, empty aad."""
    aead, nonce = hpke_aead(suite, shared_secret, info)
    return aead.encrypt(nonce, plaintext, b"")


def hpke_open(suite, shared_secret, info, ciphertext):
    """InvalidTag where it does not open."""
    aead, nonce = hpke_aead(suite, shared_secret, info)
    return aead.decrypt(nonce, ciphertext, b"")


def slot_info(suite, core, pk):
    """6.2"""
    return b"WCMP v1 slot" + u16(suite.id) + core + pk.key_id


def sender_hint(suite, pk, nonce):
    """Open suites (6.3)."""
    return mac(pk.hint_key, b"WCMP v1 sender hint" + u16(suite.id) + nonce)[:16]


def receiver_hint(suite, pk, nonce):
    """Open suites (6.3)."""
    return mac(pk.hint_key, b"WCMP v1 receiver hint" + u16(suite.id) + nonce)[:16]


def pair_hint(suite, pair_key, sender, receiver, body):
    """Sealed suites, for a receiver who holds the sender's key (1.6, 6.3)."""
    label = b"WCMP v1 pair hint" + u16(suite.id) + sender.key_id + receiver.key_id
    return mac(mac(pair_key, label), body)[:16]


def stranger_hint(suite, shared_secret, receiver, body):
    """Sealed suites, for everybody else (6.3)."""
    label = b"WCMP v1 stranger hint" + u16(suite.id) + receiver.key_id
    return mac(shared_secret, label + body)[:16]


def envelope_message(env):
    """What the sender signs (6.4)."""
    return b"WCMP v1 envelope signature" + env.digest


def xor(a, b):
    return bytes(x ^ y for x, y in zip(a, b, strict=True))


# ---------------------------------------------------------------- 7. Sealing


def seal(
    suite_id, expires, entropy, sender, receivers, pair=(), introduce=False, reply=None,
    shared_reply=False, slots=0, content_type="", body=b"", extensions=(),
):  # fmt: skip
    """Build an envelope (7.2 to 7.4). `sender` and `reply` are key pairs or None, `pair` those
    receivers who get a pair hint. Without receivers: a dummy message."""
    require(suite_id in SUITES, "suite")
    suite = SUITES[suite_id]
    check_builder_keys(suite, sender, receivers, pair, introduce, reply, shared_reply)
    rows = 4
    while rows < max(len(receivers), slots):
        rows *= 2
    require(rows <= MAX_SLOTS, "size")
    require(len(content_type.encode()) <= 255 and len(extensions) <= 64, "bad-content")
    require(len({n for n, _ in extensions}) == len(extensions), "bad-content")
    if not receivers and (reply or content_type or extensions):
        raise ValueError("a dummy message carries nothing but a body")
    introduction = sender.public.raw if introduce else None
    content = Content(introduction, None, content_type, body, sorted(extensions))

    def rnd(label, n):
        return expand(hedge, label, n)

    hedge = make_hedge(entropy, suite, expires, sender, content, reply, receivers)
    signer = sender or KeyPair(1, rnd(b"one-time key", 32))
    nonce = rnd(b"sender nonce", 16)
    hint = rnd(b"sender hint", 16) if suite.sealed else sender_hint(suite, signer.public, nonce)
    env = Envelope(suite.id, nonce, hint, expires)
    if reply:
        message = reply_message(sender and sender.public, env.prefix, reply.public)
        content.reply = reply.public.raw, reply.signer.sign(message)
    encoded = content.encode()
    require(len(encoded) <= MAX_CONTENT, "size")

    content_key = rnd(b"content key", 32)
    keys = ContentKeys(content_key, env.prefix)
    env.commitment = keys.commitment
    aad = env.prefix + env.commitment
    env.payload = suite.aead(keys.payload_key).encrypt(bytes(12), pad(encoded), aad)
    env.recipient_nonce = rnd(b"receiver nonce", 16)
    ephemeral = rnd(b"ephemeral", 32)
    if suite.key_type == 1:
        env.encapsulation = x25519(ephemeral, X25519_BASE)

    table = []  # (hint, function that makes the sealed key once `core` is known)
    for pk in receivers:
        secret = None
        if suite.key_type == 1:
            secret = dhkem_secret(x25519(ephemeral, pk.kem_pk), env.encapsulation, pk.kem_pk)
        if not suite.sealed:
            hint = receiver_hint(suite, pk, env.recipient_nonce)
        elif pk in pair:
            hint = pair_hint(suite, sender.pair_key(pk), sender.public, pk, env.body)
        else:
            hint = stranger_hint(suite, secret, pk, env.body)
        table.append((hint, slot_sealer(suite, pk, secret, content_key)))
    for i in range(len(receivers), rows):
        if suite.key_type == 1:
            make = lambda core, i=i: rnd(b"dummy key" + u16(i), 48)
        else:
            make = slot_sealer(suite, KeyPair(2, os.urandom(32)).public, None, content_key)
        table.append((rnd(b"dummy hint" + u16(i), 16), make))
    table.sort(key=lambda row: row[0])
    env.hints = [hint for hint, _ in table]
    if len(set(env.hints)) < rows:
        raise ValueError("equal hints: take other entropy")
    env.sealed_keys = [make(env.core) for _, make in table]

    signature = signer.signer.sign(envelope_message(env))
    env.signature = xor(signature, keys.mask) if suite.sealed else signature
    data = env.encode()
    require(len(data) <= MAX_TOTAL, "size")
    return data


def check_builder_keys(suite, sender, receivers, pair, introduce, reply, shared_reply):
    """The errors `key` of 7.4."""
    require(all(pk.type == suite.key_type for pk in receivers), "key")
    require(len({pk.kem_pk for pk in receivers}) == len(receivers), "key")
    require(sender or not (introduce or pair), "key")
    require(not pair or (suite.sealed and sender.type == 1), "key")
    require(all(pk in receivers for pk in pair), "key")
    if reply:
        require(len(receivers) <= 1 or shared_reply, "key")
        require(not sender or introduce or all(pk in pair for pk in receivers), "key")
    if sender and not receivers:
        raise ValueError("a dummy message has no sender")


def make_hedge(entropy, suite, expires, sender, content, reply, receivers):
    """7.2"""
    if len(entropy) != 32:
        raise ValueError("entropy is 32 bytes")
    inputs = lp(sender.seed if sender else b"") + u16(suite.id) + u32(expires)
    inputs += lp(content.encode()) + lp(reply.public.raw if reply else b"")
    inputs += b"".join(pk.key_id for pk in receivers)
    return extract(entropy, b"WCMP v1 hedge" + inputs)


def slot_sealer(suite, pk, secret, content_key):
    """Seals the content key for one receiver (6.2); type 2 encapsulates now, type 1 has the
    shared secret already."""

    def make(core):
        shared, enc = (secret, b"") if suite.key_type == 1 else xwing_encap(pk.kem_pk)
        return enc + hpke_seal(suite, shared, slot_info(suite, core, pk), content_key)

    return make


# ---------------------------------------------------------------- 8. Opening


@dataclass
class Opened:
    """What a receiver learns."""

    status: str  # known, introduced or anonymous
    sender: PublicKey | None
    reply: PublicKey | None
    content: Content
    slot: int
    envelope: Envelope


def open_envelope(data, key, contacts, now, strangers=True):
    """Open `data` with one key pair. `contacts` are those who were given this key."""
    env = parse(data)  # step 1
    suite = check_suite(env)
    require(now <= env.expires, "expired")
    require(key.type == suite.key_type, "not-for-me")

    matches = recognise(env, suite, key, contacts, strangers)  # steps 2 and 3
    known, slot, keys = unlock(env, suite, key, matches)  # step 4
    signature = xor(env.signature, keys.mask) if suite.sealed else env.signature

    aad = env.prefix + env.commitment  # step 5
    try:
        plaintext = suite.aead(keys.payload_key).decrypt(bytes(12), env.payload, aad)
    except InvalidTag:
        raise WcmpError("bad-payload") from None
    content = Content.decode(unpad(plaintext))
    if known:
        require(verify_strict(known, envelope_message(env), signature), "bad-signature")

    sender = known  # step 6
    status = "known" if known else "anonymous"
    if content.introduction is not None:
        sender = parse_or(content.introduction, "bad-introduction")
        require(known in (None, sender), "bad-introduction")
        if not suite.sealed:
            expected = sender_hint(suite, sender, env.sender_nonce)
            require(expected == env.sender_hint, "bad-introduction")
        require(verify_strict(sender, envelope_message(env), signature), "bad-signature")
        status = "known" if sender in contacts else "introduced"

    reply = None  # step 7
    if content.reply is not None:
        reply = parse_or(content.reply[0], "bad-reply")
        message = reply_message(sender, env.prefix, reply)
        require(verify_strict(reply, message, content.reply[1]), "bad-reply")
    return Opened(status, sender, reply, content, slot, env)


def recognise(env, suite, key, contacts, strangers):
    """Steps 2 and 3: the list of (known sender or None, slot, shared secret or None)."""
    secret = None
    if suite.key_type == 1:
        try:
            dh = x25519(key.kem_sk, env.encapsulation)
            secret = dhkem_secret(dh, env.encapsulation, key.public.kem_pk)
        except ValueError:  # all zero: no stranger hint, no slot opens (6.2)
            pass
    if not suite.sealed:
        slot = find(env.hints, receiver_hint(suite, key.public, env.recipient_nonce))
        require(slot is not None, "not-for-me")
        for contact in contacts:
            hint = sender_hint(suite, contact, env.sender_nonce)
            if hmac.compare_digest(hint, env.sender_hint):
                valid = verify_strict(contact, envelope_message(env), env.signature)
                require(valid, "bad-signature")
                return [(contact, slot, secret)]
        return [(None, slot, secret)]
    candidates = [
        (contact, pair_hint(suite, key.pair_key(contact), contact, key.public, env.body))
        for contact in contacts
        if contact.type == 1
    ]
    if strangers and secret:
        candidates.append((None, stranger_hint(suite, secret, key.public, env.body)))
    found = [(contact, find(env.hints, hint), secret) for contact, hint in candidates]
    return [match for match in found if match[1] is not None]


def find(hints, wanted):
    """The slot that holds a hint, or None."""
    return next((i for i, hint in enumerate(hints) if hmac.compare_digest(hint, wanted)), None)


def unlock(env, suite, key, matches):
    """Step 4: the first match whose slot opens to the content key of the commitment."""
    for known, slot, secret in matches:
        sealed = env.sealed_keys[slot]
        try:
            if suite.key_type == 2:
                secret, sealed = xwing_decap(key.kem_sk, sealed[:1120]), sealed[1120:]
            elif secret is None:
                continue
            content_key = hpke_open(suite, secret, slot_info(suite, env.core, key.public), sealed)
        except (InvalidTag, ValueError):
            continue
        keys = ContentKeys(content_key, env.prefix)
        if hmac.compare_digest(keys.commitment, env.commitment):
            return known, slot, keys
    raise WcmpError("not-for-me")


def parse_or(raw, code):
    """A key found inside a message: the code is that of its place."""
    try:
        return PublicKey.parse(raw)
    except WcmpError:
        raise WcmpError(code) from None


# ---------------------------------------------------------------- Bundle

MAGIC = bytes.fromhex("8957434d500d0a1a")
MARK = bytes.fromhex("f157451c")
NO_STAMP = b"\0\0"
HEADER_LEN = 20
MAX_BODY = 16_777_473
FAILED_ALLOWANCE = 64 * 2**20


def crc_entry(n):
    for _ in range(8):
        n = n >> 1 ^ (0x82F63B78 if n & 1 else 0)
    return n


CRC_TABLE = [crc_entry(n) for n in range(256)]


def crc32c(data):
    """CRC32C, Castagnoli, as four big-endian bytes."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = CRC_TABLE[(crc ^ byte) & 0xFF] ^ crc >> 8
    return u32(crc ^ 0xFFFFFFFF)


def with_crc(data):
    return data + crc32c(data)


def write_bundle(salt, frames, end=True):
    """A bundle of (stamp, envelope) in the given order."""
    if len(salt) != 4:
        raise ValueError("salt is 4 bytes")
    marker = xor(MARK, salt)
    out = [with_crc(MAGIC + u16(1) + u16(0) + salt)]
    for stamp, envelope in frames:
        body = (stamp or NO_STAMP) + envelope
        if not 2 <= len(body) <= MAX_BODY:
            raise ValueError("a frame holds 2 to 16 777 473 bytes")
        out.append(with_crc(marker + u32(len(body)) + body))
    if end:
        out.append(with_crc(marker + u32(0) + u64(len(frames))))
    return b"".join(out)


def frame_at(data, pos, marker):
    """(end, read): the end of the frame or End frame that begins at `pos`, or None; and how many
    bytes were put through the CRC."""
    if data[pos : pos + 4] != marker or len(data) < pos + 8:
        return None, 0
    length = int.from_bytes(data[pos + 4 : pos + 8], "big")
    if length == 1 or length > MAX_BODY:
        return None, 0
    crc_at = pos + 8 + (length or 8)
    if crc_at + 4 > len(data):
        return None, 0
    holds = crc32c(data[pos:crc_at]) == data[crc_at : crc_at + 4]
    return crc_at + 4 if holds else None, crc_at - pos


def bundle_marker(data):
    """The marker, from the header or, where that is damaged, from the first frame."""
    require(len(data) >= HEADER_LEN, "bundle")
    if crc32c(data[:16]) == data[16:HEADER_LEN]:
        require(data[:12] == MAGIC + u16(1) + u16(0), "bundle")
        return xor(MARK, data[12:16])
    marker = data[HEADER_LEN : HEADER_LEN + 4]
    require(frame_at(data, HEADER_LEN, marker)[0] is not None, "bundle")
    return marker


def read_bundle(data, max_envelope=MAX_TOTAL):
    """Events ("frame", offset, stamp, envelope), ("skipped", offset, len), ("damaged", offset,
    len) in file order, then ("end", "complete" or "incomplete"). A frame whose envelope is longer
    than `max_envelope` is skipped."""
    marker = bundle_marker(data)
    pos, reach, failed = HEADER_LEN, HEADER_LEN, 0
    damage = None  # where the damage began that no frame has ended yet
    whole, frames, end_count = True, 0, None  # end_count: of an End frame that is last so far
    while pos < len(data):
        end, checked = frame_at(data, pos, marker)
        reach = max(reach, pos + checked)
        if end is None:
            damage = pos if damage is None else damage
            failed += checked
            if failed > 8 * reach + FAILED_ALLOWANCE:
                break
            found = data.find(marker, pos + 1)
            pos = len(data) if found < 0 else found
            continue
        if damage is not None:
            yield "damaged", damage, pos - damage
            damage, whole = None, False
        body = data[pos + 8 : end - 4]
        if data[pos + 4 : pos + 8] == u32(0):
            end_count = int.from_bytes(body, "big")
        else:
            end_count = None
            if 2 + body[1] > len(body):
                whole = False
                yield "damaged", pos, end - pos
            elif len(body) - 2 - body[1] > max_envelope:
                frames += 1
                yield "skipped", pos, end - pos
            else:
                frames += 1
                cut = 2 + body[1]
                yield "frame", pos, body[:cut], body[cut:]
        pos = end
    if damage is not None:
        whole = False
        yield "damaged", damage, len(data) - damage
    yield "end", "complete" if whole and end_count == frames else "incomplete"


# ---------------------------------------------------------------- Sealed bundle

CHUNK = 65_536


def sealed_key(salt, passphrase=None, secret=None):
    """From a passphrase (str) or a secret of 32 bytes."""
    if passphrase is not None:
        normal = unicodedata.normalize("NFC", passphrase).encode()
        kdf = Argon2id(salt=salt, length=32, iterations=3, lanes=4, memory_cost=65_536)
        secret = kdf.derive(normal)
    if len(secret) != 32:
        raise ValueError("a secret is 32 bytes")
    return AESGCM(expand(extract(salt, secret), b"WCMP v1 sealed bundle", 32))


def chunk_nonce(number, last):
    return number.to_bytes(11, "big") + u8(last)


def seal_bundle(salt, bundle, **with_what):
    """The bundle as noise."""
    if len(salt) != 32:
        raise ValueError("salt is 32 bytes")
    aead = sealed_key(salt, **with_what)
    plaintext = u64(len(bundle)) + bundle
    plaintext = plaintext.ljust(padded_len(len(plaintext)), b"\0")
    chunks = split(plaintext, CHUNK)
    sealed = (
        aead.encrypt(chunk_nonce(i, i + 1 == len(chunks)), chunk, None)
        for i, chunk in enumerate(chunks)
    )
    return salt + b"".join(sealed)


def unseal_bundle(data, **with_what):
    """The bundle, or the one error."""
    require(len(data) >= 32 + 16, "bundle")
    aead = sealed_key(data[:32], **with_what)
    chunks = split(data[32:], CHUNK + 16)
    try:
        plaintext = b"".join(
            aead.decrypt(chunk_nonce(i, i + 1 == len(chunks)), chunk, None)
            for i, chunk in enumerate(chunks)
        )
    except InvalidTag:
        raise WcmpError("bundle") from None
    length = int.from_bytes(plaintext[:8], "big")
    require(len(plaintext) == padded_len(8 + length), "bundle")
    bundle, zeros = plaintext[8 : 8 + length], plaintext[8 + length :]
    require(not any(zeros), "bundle")
    return bundle


# ---------------------------------------------------------------- 9.4 Stamp


def effort(stamp, id):
    """What u8 kind || u8 length || bytes is worth beside the envelope of this id."""
    kind, length, nonce = stamp[0], stamp[1], stamp[2:]
    if kind != 1 or length != 8:
        return 0
    v = int.from_bytes(sha256(b"WCMP v1 stamp", id, nonce)[:8], "big")
    return (2**64 - 1) // (v + 1)


# ---------------------------------------------------------------- Line protocol


def answer(request):
    """The answer to one request: a dict; binary values are hex on both sides."""
    try:
        return OPS[request["op"]](request)
    except WcmpError as error:
        return {"error": error.code}
    except Exception as error:  # the caller made a request that has no meaning
        return {"failed": f"{type(error).__name__}: {error}"}


def pair_of(value):
    return value and KeyPair(value["type"], bytes.fromhex(value["seed"]))


def keys_of(values):
    return [PublicKey.parse(bytes.fromhex(v)) for v in values or []]


def hex_of(key):
    return key and key.raw.hex()


def describe(pair):
    public = pair.public
    return {
        "public": hex_of(public), "text": public.text(), "secret_text": pair.secret_text(),
        "key_id": public.key_id.hex(), "fingerprint": public.fingerprint(),
    }  # fmt: skip


def op_check_key(q):
    PublicKey.parse(bytes.fromhex(q["public"]))
    return {"ok": True}


def op_seal(q):
    entropy = bytes.fromhex(q["entropy"]) if q.get("entropy") else os.urandom(32)
    envelope = seal(
        q["suite"], q["expires"], entropy, pair_of(q.get("from")), keys_of(q["to"]),
        keys_of(q.get("pair")), q.get("introduce", False), pair_of(q.get("reply")),
        q.get("shared_reply", False), q.get("slots") or 0, q.get("content_type", ""),
        bytes.fromhex(q.get("body", "")),
        [(n, bytes.fromhex(x)) for n, x in q.get("extensions") or []],
    )  # fmt: skip
    return {"envelope": envelope.hex()}


def op_open(q):
    key, contacts = pair_of(q["key"]), keys_of(q.get("contacts"))
    data, strangers = bytes.fromhex(q["envelope"]), q.get("strangers", True)
    opened = open_envelope(data, key, contacts, q["now"], strangers)
    content, env = opened.content, opened.envelope
    return {
        "status": opened.status, "sender": hex_of(opened.sender), "reply": hex_of(opened.reply),
        "content_type": content.content_type, "body": content.body.hex(),
        "extensions": [[n, x.hex()] for n, x in content.extensions],
        "slot": opened.slot, "core": env.core.hex(), "id": env.id.hex(),
    }  # fmt: skip


def op_inspect(q):
    """Structure only; `unreadable` is the error of 4.2, or null."""
    env = parse(bytes.fromhex(q["envelope"]))
    try:
        check_suite(env)
        unreadable = None
    except WcmpError as error:
        unreadable = error.code
    return {
        "suite": env.suite, "expires": env.expires, "slots": len(env.hints),
        "slot_len": len(env.sealed_keys[0]), "payload_len": len(env.payload),
        "encapsulation_len": len(env.encapsulation), "signature_len": len(env.signature),
        "unreadable": unreadable,
        **{name: getattr(env, name).hex() for name in ("body", "core", "digest", "id")},
    }  # fmt: skip


def op_bundle_write(q):
    frames = [(bytes.fromhex(f["stamp"]), bytes.fromhex(f["envelope"])) for f in q["frames"]]
    return {"bundle": write_bundle(bytes.fromhex(q["salt"]), frames, q["end"]).hex()}


def op_bundle_read(q):
    events = []
    for kind, *what in read_bundle(bytes.fromhex(q["bundle"]), q.get("max_envelope", MAX_TOTAL)):
        if kind == "frame":
            offset, stamp, envelope = what
            what = {"offset": offset, "stamp": stamp.hex(), "envelope": envelope.hex()}
        elif kind == "end":
            what = what[0]
        else:
            what = {"offset": what[0], "len": what[1]}
        events.append({kind: what})
    return {"events": events}


def sealed_with(q):
    """The keyword of `sealed_key`."""
    if "passphrase" in q:
        return {"passphrase": q["passphrase"]}
    return {"secret": bytes.fromhex(q["secret"])}


def op_bundle_seal(q):
    salt, bundle = bytes.fromhex(q["salt"]), bytes.fromhex(q["bundle"])
    return {"sealed": seal_bundle(salt, bundle, **sealed_with(q)).hex()}


def op_bundle_unseal(q):
    return {"bundle": unseal_bundle(bytes.fromhex(q["sealed"]), **sealed_with(q)).hex()}


def op_effort(q):
    return {"effort": str(effort(bytes.fromhex(q["stamp"]), bytes.fromhex(q["id"])))}


OPS = {
    "keygen": lambda q: describe(KeyPair(q["type"], bytes.fromhex(q["seed"]))),
    "check_key": op_check_key,
    "read_text": lambda q: {"public": hex_of(PublicKey.from_text(q["text"]))},
    "read_secret_text": lambda q: describe(KeyPair.from_secret_text(q["text"])),
    "seal": op_seal,
    "open": op_open,
    "inspect": op_inspect,
    "bundle_write": op_bundle_write,
    "bundle_read": op_bundle_read,
    "bundle_seal": op_bundle_seal,
    "bundle_unseal": op_bundle_unseal,
    "effort": op_effort,
}


def main():
    for line in sys.stdin:
        try:
            request = json.loads(line)
        except ValueError as error:
            reply = {"failed": f"not JSON: {error}"}
        else:
            reply = answer(request)
        print(json.dumps(reply), flush=True)


if __name__ == "__main__":
    main()
