"""The exchange of docs/spec/exchange.md, written from that page, bundle.md and the text of Noise alone: symbols, the
summary `have`, a peer that speaks a whole session, and the link.

`python3 exchange.py` answers requests, one JSON document a line; binary values are hex.
"""

import hashlib
import hmac
import json
import sys

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from wcmp import crc32c

M64 = 2**64 - 1


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def u32(n):
    return n.to_bytes(4, "big")


# ---------------------------------------------------------------- Symbols (section 3)


def siphash(key, data, wide):
    """SipHash-2-4: 8 bytes as the reference writes them, or 16."""
    k0, k1 = (int.from_bytes(key[i : i + 8], "little") for i in (0, 8))
    v0, v1 = k0 ^ 0x736F6D6570736575, k1 ^ 0x646F72616E646F6D
    v2, v3 = k0 ^ 0x6C7967656E657261, k1 ^ 0x7465646279746573
    if wide:
        v1 ^= 0xEE

    def rotate(x, n):
        return (x << n | x >> (64 - n)) & M64

    def rounds(n):
        nonlocal v0, v1, v2, v3
        for _ in range(n):
            v0 = (v0 + v1) & M64
            v1 = rotate(v1, 13) ^ v0
            v0 = rotate(v0, 32)
            v2 = (v2 + v3) & M64
            v3 = rotate(v3, 16) ^ v2
            v0 = (v0 + v3) & M64
            v3 = rotate(v3, 21) ^ v0
            v2 = (v2 + v1) & M64
            v1 = rotate(v1, 17) ^ v2
            v2 = rotate(v2, 32)

    padded = data + bytes(-(len(data) + 1) % 8) + bytes([len(data) % 256])
    for i in range(0, len(padded), 8):
        m = int.from_bytes(padded[i : i + 8], "little")
        v3 ^= m
        rounds(2)
        v0 ^= m
    v2 ^= 0xEE if wide else 0xFF
    rounds(4)
    out = (v0 ^ v1 ^ v2 ^ v3).to_bytes(8, "little")
    if wide:
        v1 ^= 0xDD
        rounds(4)
        out += (v0 ^ v1 ^ v2 ^ v3).to_bytes(8, "little")
    return out


class Keys:
    def __init__(self, key):
        self.key0, self.key1 = key[:16], key[16:32]

    def short(self, id):
        return siphash(self.key0, id, True)

    def check(self, short):
        return int.from_bytes(siphash(self.key1, short, False), "little")


def indices(check, end):
    i, n = 0, 0
    while i < end and i < 2**24:
        yield i
        x = (check + (n + 1) * 0x9E3779B97F4A7C15) & M64
        y = (x ^ x >> 30) * 0xBF58476D1CE4E5B9 & M64
        z = (y ^ y >> 27) * 0x94D049BB133111EB & M64
        r = z ^ z >> 31
        t = 1 + max(r >> 32, r % 2**32)
        i += 1 + (2 * i + 3) * (2**32 - t) // (2 * t)
        n += 1


def symbols(keys, shorts, count):
    """Pairs of sums, as integers."""
    out = [[0, 0] for _ in range(count)]
    for short in set(shorts):
        check = keys.check(short)
        for i in indices(check, count):
            out[i][0] ^= int.from_bytes(short, "big")
            out[i][1] ^= check
    return out


def to_bytes(symbol):
    return symbol[0].to_bytes(16, "big") + symbol[1].to_bytes(8, "big")


def from_bytes(data):
    return [int.from_bytes(data[:16], "big"), int.from_bytes(data[16:24], "big")]


def take_apart(keys, theirs, own):
    """What own lacks and what the other lacks; None as long as the symbols are too few."""
    diff = [[a ^ c, b ^ d] for (a, b), (c, d) in zip(theirs, symbols(keys, own, len(theirs)))]
    found, own, todo = set(), set(own), list(range(len(diff)))
    while todo:
        sum, check = diff[todo.pop()]
        short = sum.to_bytes(16, "big")
        if (sum, check) == (0, 0) or keys.check(short) != check or short in found:
            continue
        found.add(short)
        for i in indices(check, len(diff)):
            diff[i][0] ^= sum
            diff[i][1] ^= check
            todo.append(i)
    if not diff or diff[0] != [0, 0]:
        return None
    return sorted(found - own), sorted(found & own)


# ---------------------------------------------------------------- The summary (section 4)


def write_have(key, ids):
    keys = Keys(key)
    head = bytes.fromhex("8957434d480d0a1a") + bytes([0, 1, 0, 0]) + key + bytes(16)
    body = b"".join(map(to_bytes, symbols(keys, map(keys.short, ids), 43_688)))
    return head + crc32c(head + body) + body


# ---------------------------------------------------------------- A session (section 2)

HELLO, DAYS, MORE, SYMBOLS, STOP, WANT, FRAME, ENOUGH, DONE = range(1, 10)
MAGIC = bytes.fromhex("8957434d580d0a1a")


class Peer:
    """One side. `envelopes` are triples of id, hour of expiry and bytes, all of which may be handed on."""

    def __init__(self, nonce, hour, envelopes, limit=1 << 20, ttl=744):
        self.nonce, self.hour, self.limit, self.ttl = nonce, hour, limit, ttl
        self.envelopes = envelopes
        self.taken, self.inbox, self.out, self.done = [], b"", b"", False
        self.state = HELLO
        self.say(HELLO, MAGIC, bytes([1, 1]), u32(1), nonce, u32(limit), u32(ttl))

    def say(self, kind, *parts):
        body = b"".join(parts)
        self.out += bytes([kind]) + u32(len(body)) + body

    def hear(self, data):
        self.inbox += data
        while len(self.inbox) >= 5:
            end = 5 + int.from_bytes(self.inbox[1:5], "big")
            if len(self.inbox) < end:
                break
            kind, body, self.inbox = self.inbox[0], self.inbox[5:end], self.inbox[end:]
            self.message(kind, body)

    def message(self, kind, body):
        if kind == SYMBOLS and self.state in (FRAME, DONE):
            return  # they were under way
        if kind == ENOUGH:
            self.frames = []
            return
        expected = {"describe": (MORE, STOP), FRAME: (FRAME, DONE)}.get(self.state, (self.state,))
        if kind not in expected:
            raise ValueError(f"{kind} in {self.state}")
        getattr(self, f"on_{kind}")(body)

    def on_1(self, body):
        assert len(body) == 38 and body[:10] == MAGIC + bytes([1, 1]), "hello"
        theirs, limit, ttl = body[14:30], int.from_bytes(body[30:34], "big"), int.from_bytes(body[34:38], "big")
        assert theirs != self.nonce
        self.describes = self.nonce < theirs
        self.keys = Keys(sha256(b"WCMP v1 exchange", min(self.nonce, theirs), max(self.nonce, theirs)))
        limit, ttl = min(self.limit, limit), min(self.ttl, ttl, 3000)
        part = [e for e in self.envelopes if len(e[2]) <= limit and self.hour <= e[1] <= self.hour + ttl]
        self.part = {self.keys.short(id): (id, expires, data) for id, expires, data in part}
        self.days = {}
        for short, (_, expires, _) in self.part.items():
            count, print_ = self.days.get(expires // 24, (0, 0))
            self.days[expires // 24] = count + 1, print_ ^ int.from_bytes(short, "big")
        days = sorted(self.days.items())
        self.say(DAYS, *(u32(day) + u32(count) + p.to_bytes(16, "big") for day, (count, p) in days))
        self.state = DAYS

    def on_2(self, body):
        theirs = {}
        for i in range(0, len(body), 24):
            day, count = (int.from_bytes(body[j : j + 4], "big") for j in (i, i + 4))
            theirs[day] = count, int.from_bytes(body[i + 8 : i + 24], "big")
        self.differ = sorted(d for d in self.days.keys() | theirs.keys() if self.days.get(d) != theirs.get(d))
        self.begin()

    def begin(self):
        self.shorts = [s for s, (_, expires, _) in self.part.items() if expires // 24 in self.differ]
        self.got, self.asked, self.sent = [], 0, 0
        if self.describes:
            self.state = "describe"
        elif not self.differ:
            self.solved([], [])
        else:
            self.state = SYMBOLS
            self.ask(32)

    def ask(self, more):
        self.asked += more
        self.say(MORE, u32(more))

    def on_3(self, body):
        self.asked += int.from_bytes(body, "big")
        for symbol in symbols(self.keys, self.shorts, self.asked)[self.sent :]:
            self.say(SYMBOLS, to_bytes(symbol))
        self.sent = self.asked

    def on_4(self, body):
        assert body and len(body) % 24 == 0 and len(self.got) + len(body) // 24 <= self.asked
        self.got += [from_bytes(body[i : i + 24]) for i in range(0, len(body), 24)]
        if len(self.got) < self.asked:
            return
        difference = take_apart(self.keys, self.got, self.shorts)
        if difference:
            self.solved(*difference)
        else:
            self.ask(len(self.got) // 2)

    def solved(self, lacking, surplus):
        self.say(STOP, bytes([0]), u32(len(lacking)))
        if lacking:
            self.say(WANT, *lacking)
        self.give(surplus)
        self.state = FRAME

    def on_5(self, body):
        reason, self.wants = body[0], int.from_bytes(body[1:5], "big")
        if reason == 1:
            self.differ = self.differ[len(self.differ) // 2 :]
            return self.begin()
        self.wanted = []
        self.state = WANT if self.wants else FRAME

    def on_6(self, body):
        self.wanted += [body[i : i + 16] for i in range(0, len(body), 16)]
        assert self.wanted == sorted(set(self.wanted)) and all(s in self.part for s in self.wanted)
        if len(self.wanted) == self.wants:
            self.state = FRAME

    def give(self, shorts):
        for id, _, data in sorted(self.part[s] for s in shorts):
            self.say(FRAME, bytes([0, 0]), data)
        self.say(DONE)

    def on_7(self, body):
        self.taken.append(body[2 + body[1] :])

    def on_9(self, body):
        assert not body
        if self.describes:
            self.give(self.wanted)
        self.done, self.state = True, DONE


# ---------------------------------------------------------------- The link (section 5)


def hkdf(chaining, material, n):
    prk = hmac.digest(chaining, material, "sha256")
    out, last = [], b""
    for i in range(1, n + 1):
        last = hmac.digest(prk, last + bytes([i]), "sha256")
        out.append(last)
    return out


class Link:
    """Noise_NNpsk0_25519_ChaChaPoly_SHA256, and the records in it."""

    def __init__(self, secret, ephemeral, connects):
        name = b"Noise_NNpsk0_25519_ChaChaPoly_SHA256"
        self.h = self.ck = sha256(name) if len(name) > 32 else name.ljust(32, b"\0")
        self.e = X25519PrivateKey.from_private_bytes(ephemeral)
        self.public = self.e.public_key().public_bytes_raw()
        self.connects, self.key, self.n = connects, None, 0
        self.mix_hash(b"")  # the prologue
        self.ck, temp, self.key = hkdf(self.ck, secret, 3)
        self.mix_hash(temp)

    def mix_hash(self, data):
        self.h = sha256(self.h, data)

    def mix_key(self, material):
        self.ck, self.key = hkdf(self.ck, material, 2)
        self.n = 0

    def crypt(self, data, encrypt):
        nonce = bytes(4) + self.n.to_bytes(8, "little")
        self.n += 1
        cipher = ChaCha20Poly1305(self.key)
        out = (cipher.encrypt if encrypt else cipher.decrypt)(nonce, data, self.h)
        self.mix_hash(out if encrypt else data)
        return out

    def first(self):
        """e, with the empty payload; in a psk handshake the public key is mixed into the key, too."""
        self.mix_hash(self.public)
        self.mix_key(self.public)
        return self.public + self.crypt(b"", True)

    def hear_first(self, message):
        self.mix_hash(message[:32])
        self.mix_key(message[:32])
        self.crypt(message[32:], False)
        self.theirs = X25519PublicKey.from_public_bytes(message[:32])

    def second(self):
        self.mix_hash(self.public)
        self.mix_key(self.public)
        self.mix_key(self.e.exchange(self.theirs))
        message = self.public + self.crypt(b"", True)
        self.split()
        return message

    def hear_second(self, message):
        self.mix_hash(message[:32])
        self.mix_key(message[:32])
        self.mix_key(self.e.exchange(X25519PublicKey.from_public_bytes(message[:32])))
        self.crypt(message[32:], False)
        self.split()

    def split(self):
        there, back = hkdf(self.ck, b"", 2)
        self.to, self.fro = (there, back) if self.connects else (back, there)
        self.sent = self.got = 0

    def seal(self, data):
        out = b""
        for i in range(0, len(data), 1006):
            piece = data[i : i + 1006]
            plain = (len(piece).to_bytes(2, "big") + piece).ljust(1008, b"\0")
            out += ChaCha20Poly1305(self.to).encrypt(bytes(4) + self.sent.to_bytes(8, "little"), plain, b"")
            self.sent += 1
        return out

    def open(self, records):
        out = b""
        for i in range(0, len(records), 1024):
            nonce = bytes(4) + self.got.to_bytes(8, "little")
            plain = ChaCha20Poly1305(self.fro).decrypt(nonce, records[i : i + 1024], b"")
            self.got += 1
            n = int.from_bytes(plain[:2], "big")
            assert n <= 1006 and not any(plain[2 + n :])
            out += plain[2 : 2 + n]
        return out


# ---------------------------------------------------------------- Requests


def unhex(q, name):
    return bytes.fromhex(q[name])


class Answers:
    def op_symbols(self, q):
        keys = Keys(unhex(q, "key"))
        shorts = [keys.short(bytes.fromhex(id)) for id in q["ids"]]
        made = b"".join(map(to_bytes, symbols(keys, shorts, q["count"])))
        return {"symbols": made.hex(), "shorts": [s.hex() for s in shorts]}

    def op_have(self, q):
        return {"file": write_have(unhex(q, "key"), map(bytes.fromhex, q["ids"])).hex()}

    def op_session(self, q):
        envelopes = [(bytes.fromhex(e["id"]), e["expires"], bytes.fromhex(e["bytes"])) for e in q["envelopes"]]
        self.peer = Peer(unhex(q, "nonce"), q["hour"], envelopes)
        return self.op_hear({"bytes": ""})

    def op_hear(self, q):
        self.peer.hear(unhex(q, "bytes"))
        said, self.peer.out = self.peer.out, b""
        return {"said": said.hex(), "done": self.peer.done, "taken": [e.hex() for e in self.peer.taken]}

    def op_link(self, q):
        self.link = Link(unhex(q, "secret"), unhex(q, "ephemeral"), q["connects"])
        return {"said": self.link.first().hex()} if q["connects"] else {}

    def op_link_hear(self, q):
        message = unhex(q, "bytes")
        if self.link.connects:
            self.link.hear_second(message)
            return {}
        self.link.hear_first(message)
        return {"said": self.link.second().hex()}

    def op_link_seal(self, q):
        return {"records": self.link.seal(unhex(q, "bytes")).hex()}

    def op_link_open(self, q):
        return {"bytes": self.link.open(unhex(q, "records")).hex()}


def main():
    answers = Answers()
    for line in sys.stdin:
        request = json.loads(line)
        try:
            reply = getattr(answers, "op_" + request["op"])(request)
        except Exception as error:
            reply = {"failed": f"{type(error).__name__}: {error}"}
        print(json.dumps(reply), flush=True)


if __name__ == "__main__":
    main()
