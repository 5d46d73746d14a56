"""Self-tests of wcmp.py: `python3 -m unittest` in this folder."""

import io
import json
import pathlib
import unittest
from unittest import mock

from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric import x25519

import wcmp
from wcmp import KeyPair, PublicKey, WcmpError

NOW = 500_000
OPEN = [0x0001, 0x0002, 0x0003]
SEALED = [0x0101, 0x0102]


def pair(n, type=1):
    return KeyPair(type, bytes([n]) * 32)


def rnd(n):
    return wcmp.sha256(b"entropy", wcmp.u16(n))


ALICE, BOB, CAROL, EVE = (pair(n) for n in (1, 2, 3, 4))
BOB2, CAROL2 = pair(2, 2), pair(3, 2)


def seal(suite, sender=ALICE, to=None, entropy=0, **more):
    to = [receiver(suite).public] if to is None else to
    return wcmp.seal(suite, NOW + 24, rnd(entropy), sender, to, body=b"hello", **more)


def receiver(suite):
    return BOB2 if suite == 0x0003 else BOB


def open_(data, key, contacts=(ALICE.public,), now=NOW, **more):
    return wcmp.open_envelope(data, key, list(contacts), now, **more)


def fields(env):
    """Encode changed fields afresh: the cached hashes are dropped."""
    for name in ("body", "core", "digest", "id"):
        env.__dict__.pop(name, None)
    return env.encode()


def resign(env, signer, mask=bytes(64)):
    fields(env)
    env.signature = wcmp.xor(signer.signer.sign(wcmp.envelope_message(env)), mask)
    return env.encode()


class Case(unittest.TestCase):
    def fails(self, code, call, *args, **more):
        with self.assertRaises(WcmpError) as caught:
            call(*args, **more)
        self.assertEqual(caught.exception.code, code)


class Primitives(Case):
    def test_hkdf_rfc_5869_case_1(self):
        prk = wcmp.extract(bytes(range(13)), b"\x0b" * 22)
        okm = wcmp.expand(prk, bytes(range(0xF0, 0xFA)), 42)
        self.assertEqual(okm[:8].hex(), "3cb25f25faacd57a")
        self.assertEqual(okm[-10:].hex(), "34007208d5b887185865")

    def test_crc32c(self):
        self.assertEqual(wcmp.crc32c(b"123456789").hex(), "e3069283")

    def test_xwing_vector(self):
        path = pathlib.Path(__file__).with_name("xwing_vector.json")
        v = json.loads(path.read_text())
        sk = bytes.fromhex(v["sk"])
        self.assertEqual(wcmp.xwing_public(sk).hex(), v["pk"])
        self.assertEqual(wcmp.xwing_decap(sk, bytes.fromhex(v["ct"])).hex(), v["ss"])

    def test_xwing_low_order_refused(self):
        ss, ct = wcmp.xwing_encap(BOB2.public.kem_pk)
        self.assertEqual(wcmp.xwing_decap(BOB2.kem_sk, ct), ss)
        with self.assertRaises(ValueError):
            wcmp.xwing_decap(BOB2.kem_sk, ct[:1088] + bytes(32))
        with self.assertRaises(ValueError):
            wcmp.xwing_encap(BOB2.public.kem_pk[:1184] + bytes(32))

    def test_dhkem_rfc_9180_a_1_1(self):
        # Base mode of DHKEM(X25519, HKDF-SHA256): shared secret from skR and enc.
        enc = bytes.fromhex("37fda3567bdbd628e88668c3c8d7e97d1d1253b6d4ea6d44c150f741f1bf4431")
        sk = bytes.fromhex("4612c550263fc8ad58375df3f557aac531d26850903e55a9f23f21d8534e8ac8")
        secret = wcmp.dhkem_secret(wcmp.x25519(sk, enc), enc, wcmp.x25519(sk, wcmp.X25519_BASE))
        self.assertEqual(
            secret.hex(), "fe0e18c9f024ce43799ae393c7e8fe8fce9d218875e8227b0187c04e7d2ea1fc"
        )

    def hpke_peer(self, suite):
        """The same HPKE suite and BOB's key in `cryptography`."""
        kem = hpke.KEM.X25519 if suite.key_type == 1 else hpke.KEM.MLKEM768_X25519
        aead = {2: hpke.AEAD.AES_256_GCM, 3: hpke.AEAD.CHACHA20_POLY1305}[suite.aead_id]
        key = receiver(suite.id)
        if suite.key_type == 1:
            sk = x25519.X25519PrivateKey.from_private_bytes(key.kem_sk)
        else:
            ml_kem, scalar = wcmp.xwing_expand(key.kem_sk)
            sk = hpke.MLKEM768X25519PrivateKey(
                ml_kem, x25519.X25519PrivateKey.from_private_bytes(scalar)
            )
        return hpke.Suite(kem, hpke.KDF.HKDF_SHA256, aead), sk, key

    def test_cryptography_opens_our_slots(self):
        for suite in wcmp.SUITES.values():
            peer, sk, key = self.hpke_peer(suite)
            data = seal(suite.id)
            opened = open_(data, key)
            env = opened.envelope
            info = wcmp.slot_info(suite, env.core, key.public)
            content_key = peer.decrypt(env.encapsulation + env.sealed_keys[opened.slot], sk, info)
            keys = wcmp.ContentKeys(content_key, env.prefix)
            self.assertEqual(keys.commitment, env.commitment)

    def test_we_open_what_cryptography_seals(self):
        for suite in wcmp.SUITES.values():
            peer, sk, key = self.hpke_peer(suite)
            sealed = peer.encrypt(b"plain", sk.public_key(), b"info")
            n = 32 if suite.key_type == 1 else 1120
            enc, ct = sealed[:n], sealed[n:]
            if suite.key_type == 1:
                dh = wcmp.x25519(key.kem_sk, enc)
                secret = wcmp.dhkem_secret(dh, enc, key.public.kem_pk)
            else:
                secret = wcmp.xwing_decap(key.kem_sk, enc)
            self.assertEqual(wcmp.hpke_open(suite, secret, b"info", ct), b"plain")


class Keys(Case):
    def test_text_forms(self):
        for key, length in ((BOB, 117), (BOB2, 2012)):
            text = key.public.text()
            self.assertEqual(len(text), length)
            self.assertEqual(PublicKey.from_text(text), key.public)
            self.assertEqual(len(key.secret_text()), 73)
            self.assertEqual(KeyPair.from_secret_text(key.secret_text()).public, key.public)
            for bad in (text.upper(), text + " ", " " + text, text[:-1], text + "a", "wcmp1", ""):
                self.fails("key", PublicKey.from_text, bad)
                self.fails("key", KeyPair.from_secret_text, bad)
        self.assertRegex(BOB.public.fingerprint(), r"^([a-z2-7]{4} ){5}[a-z2-7]{4}$")

    def test_every_letter_of_a_text_form_counts(self):
        for text, read in (
            (BOB.public.text(), PublicKey.from_text),
            (BOB.secret_text(), KeyPair.from_secret_text),
        ):
            for i, c in enumerate(text):
                self.fails("key", read, text[:i] + ("b" if c == "a" else "a") + text[i + 1 :])

    def check(self, kem=None, sig=None, key=BOB):
        p = key.public
        PublicKey.parse(wcmp.u16(p.type) + (kem or p.kem_pk) + (sig or p.sig_pk))

    def test_lengths_and_types(self):
        raw = BOB.public.raw
        for bad in (b"", b"\0", raw[:-1], raw + b"\0", b"\0\2" + raw[2:], b"\0\3" + raw[2:]):
            self.fails("key", PublicKey.parse, bad)

    def test_x25519_part(self):
        p = wcmp.P25519
        low = [0, 1, p - 1, p, p + 1, 2**255 - 1]
        low.append(0x00B8495F16056286FDB1329CEB8D09DA6AC49FF1FAE35616AEB8413B7C7AEBE0)
        low.append(0x57119FD0DD4E22D8868E1C58C45C44045BEF839C55B1D0B1248C50A3BC959C5F)
        for u in low:
            self.fails("key", self.check, kem=u.to_bytes(32, "little"))
        kem = BOB.public.kem_pk
        self.fails("key", self.check, kem=kem[:31] + bytes([kem[31] | 128]))
        for u in (2, 3, 4, 5, 9, p - 2):  # some of these lie on the twist
            self.check(kem=u.to_bytes(32, "little"))

    def test_ml_kem_part(self):
        kem = BOB2.public.kem_pk
        self.check(key=BOB2)
        self.fails("key", self.check, kem=b"\xff\xff" + kem[2:], key=BOB2)
        exact = bytes([0x01, 0x0D | kem[1] & 0xF0])  # the first coefficient is 3329
        self.fails("key", self.check, kem=exact + kem[2:], key=BOB2)
        self.check(kem=bytes([0x00, exact[1]]) + kem[2:], key=BOB2)
        self.fails("key", self.check, kem=kem[:-32] + bytes(32), key=BOB2)

    def test_ed25519_part(self):
        p = wcmp.P25519
        order_8 = "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa"
        bad = [bytes.fromhex(order_8)]
        for y in (0, 1, p - 1, p, p + 1, p + 3, 2**255 - 1):
            for sign in (0, 1):
                bad.append((y | sign << 255).to_bytes(32, "little"))
        small = [y.to_bytes(32, "little") for y in range(2, 40)]
        off_curve = [raw for raw in small if wcmp.ed25519_decode(raw) is None]
        bad += off_curve
        self.assertGreater(len(off_curve), 5)
        for sig in bad:
            self.fails("key", self.check, sig=sig)

    def test_every_public_key_of_ours_decodes(self):
        for n in range(5, 40):
            PublicKey.parse(pair(n).public.raw)

    def test_strict_verification(self):
        signature = ALICE.signer.sign(b"m")
        verify = lambda s, pk=ALICE.public: wcmp.verify_strict(pk, b"m", s)
        self.assertTrue(verify(signature))
        s = int.from_bytes(signature[32:], "little") + wcmp.ED_L
        self.assertFalse(verify(signature[:32] + s.to_bytes(32, "little")))
        self.assertFalse(verify(signature[:-1]))
        self.assertFalse(verify(signature + b"\0"))
        identity = b"\1" + bytes(31)
        forged = PublicKey(wcmp.u16(1) + ALICE.public.kem_pk + identity)
        self.assertFalse(verify(identity + bytes(32), forged))

    def test_pair_key_is_symmetric(self):
        self.assertEqual(ALICE.pair_key(BOB.public), BOB.pair_key(ALICE.public))


class Encoding(Case):
    def test_padded_len(self):
        for n, padded in (
            (0, 1024), (1024, 1024), (1025, 2048), (65536, 65536), (65537, 67584),
            (10**6, 1015808),
        ):  # fmt: skip
            self.assertEqual(wcmp.padded_len(n), padded)
            self.assertEqual(wcmp.padded_len(padded), padded)

    def test_unpad(self):
        for n in (0, 1, 1022, 1023, 1024, 70000):
            self.assertEqual(wcmp.unpad(wcmp.pad(bytes(n))), bytes(n))
        for bad in (bytes(1024), b"\x80" + bytes(2047), b"\x81" + bytes(1023), b""):
            self.fails("bad-content", wcmp.unpad, bad)

    def test_varints(self):
        for n in (0, 1, 127, 128, 16383, 16384, 2**31, 2**32 - 1):
            self.assertEqual(wcmp.Reader(wcmp.varint(n), "malformed").varint(), n)
        for bad in ("8000", "ff00", "8080808010", "ffffffff7f", "808080808001", "80", ""):
            self.fails("malformed", wcmp.Reader(bytes.fromhex(bad), "malformed").varint)

    def test_content(self):
        content = wcmp.Content(b"pk", (b"a", b"b"), "t", b"body", [(1, b""), (7, b"x")])
        encoded = content.encode()
        self.assertEqual(wcmp.Content.decode(encoded), content)
        self.assertEqual(wcmp.Content().encode(), bytes(5))
        for i in range(len(encoded)):
            self.fails("bad-content", wcmp.Content.decode, encoded[:i])
        for bad in (
            encoded + b"\0",
            b"\2" + encoded[1:],
            wcmp.Content(extensions=[(2, b""), (1, b"")]).encode(),
            wcmp.Content(extensions=[(1, b""), (1, b"")]).encode(),
            wcmp.Content(extensions=[(2**31, b"")]).encode(),
            wcmp.Content(extensions=[(n, b"") for n in range(65)]).encode(),
            wcmp.Content(content_type="x" * 256).encode(),
            b"\0\0\1\xff\0\0",
        ):
            self.fails("bad-content", wcmp.Content.decode, bad)
        wcmp.Content.decode(wcmp.Content(extensions=[(2**31 - 1, b"")]).encode())

    def test_structure_errors_in_order(self):
        good = seal(0x0101)
        self.fails("size", wcmp.parse, bytes([2]) + bytes(wcmp.MAX_TOTAL))
        self.fails("version", wcmp.parse, b"\2")
        self.fails("malformed", wcmp.parse, b"")
        for cut in range(1, len(good)):
            self.fails("malformed", wcmp.parse, good[:cut])
        self.fails("malformed", wcmp.parse, good + b"\0")
        self.assertEqual(wcmp.parse(good).encode(), good)
        at = good.index(wcmp.varint(1040), 71)  # the length of the payload
        self.fails("malformed", wcmp.parse, good[:at] + b"\x90\x88\x00" + good[at + 2 :])

    def test_structure_limits(self):
        def change(**values):
            env = wcmp.parse(seal(0x0101))
            for name, value in values.items():
                setattr(env, name, value)
            return fields(env)

        hints = [wcmp.u16(n) * 8 for n in range(4097)]
        for bad in (
            dict(payload=bytes(15)),
            dict(hints=[]),
            dict(hints=[b"a" * 15], sealed_keys=[b"k"]),
            dict(hints=hints[1::-1], sealed_keys=[b"k"] * 2),
            dict(hints=hints[:1] * 2, sealed_keys=[b"k"] * 2),
            dict(sealed_keys=[]),
            dict(sealed_keys=[b"k"] * 5),
            dict(hints=hints, sealed_keys=[b"k"] * 4097),
            dict(encapsulation=bytes(65536)),
            dict(signature=b""),
            dict(signature=bytes(65536)),
        ):
            self.fails("malformed", wcmp.parse, change(**bad))
        for fine in (
            dict(payload=bytes(16)),
            dict(suite=0xFFFF, hints=hints[:1], sealed_keys=[b"k"], signature=b"s"),
            dict(hints=hints[:4096], sealed_keys=[b"k"] * 4096),
            dict(encapsulation=bytes(65535), signature=bytes(65535)),
        ):
            wcmp.parse(change(**fine))
        for code, bad in (
            ("suite", dict(suite=0x0103)),
            ("malformed", dict(encapsulation=b"")),
            ("malformed", dict(signature=bytes(65))),
            ("malformed", dict(payload=bytes(1041))),
            ("malformed", dict(hints=hints[:2], sealed_keys=[bytes(48)] * 2)),
            ("malformed", dict(hints=hints[:5], sealed_keys=[bytes(48)] * 5)),
            ("malformed", dict(sealed_keys=[bytes(49)] * 4)),
        ):
            self.fails(code, open_, change(**bad), BOB)


class Messages(Case):
    def test_statuses(self):
        for suite in wcmp.SUITES:
            bob = receiver(suite)
            named = dict(pair=[bob.public]) if suite in SEALED else dict(introduce=False)
            for contacts, status, more in (
                ([ALICE.public], "known", named),
                ([ALICE.public], "known", dict(introduce=True)),
                ([], "introduced", dict(introduce=True)),
                ([EVE.public], "introduced", dict(introduce=True)),
                ([EVE.public], "anonymous", dict(sender=None)),
            ):
                opened = open_(seal(suite, **more), bob, contacts)
                self.assertEqual((opened.status, opened.content.body), (status, b"hello"))
                expected = None if status == "anonymous" else ALICE.public
                self.assertEqual(opened.sender, expected)

    def test_deterministic_for_type_1(self):
        for suite in OPEN[:2] + SEALED:
            self.assertEqual(seal(suite), seal(suite))
            self.assertNotEqual(seal(suite), seal(suite, entropy=1))

    def test_sender_of_type_2(self):
        sender = pair(9, 2)
        for suite in wcmp.SUITES:
            data = seal(suite, sender, introduce=True)
            self.assertEqual(open_(data, receiver(suite), [sender.public]).status, "known")

    def test_not_for_me(self):
        for suite in wcmp.SUITES:
            for key in (CAROL, CAROL2):
                self.fails("not-for-me", open_, seal(suite), key)

    def test_closed_to_strangers(self):
        for suite in wcmp.SUITES:
            data, bob = seal(suite, introduce=True), receiver(suite)
            if suite in SEALED:
                self.fails("not-for-me", open_, data, bob, strangers=False)
            else:
                open_(data, bob, strangers=False)
        open_(seal(0x0101, pair=[BOB.public]), BOB, strangers=False)

    def test_pair_hint_needs_the_contact(self):
        self.fails("not-for-me", open_, seal(0x0101, pair=[BOB.public]), BOB, [EVE.public])

    def test_expiry(self):
        data = seal(0x0101)
        open_(data, BOB, now=NOW + 24)
        self.fails("expired", open_, data, BOB, now=NOW + 25)
        self.fails("expired", open_, data, BOB2, now=NOW + 25)

    def test_several_receivers(self):
        people = [pair(n) for n in range(20, 30)]
        for suite in (0x0001, 0x0101):
            to = [p.public for p in people]
            pairs = to[:5] if suite in SEALED else []
            data = seal(suite, to=to, pair=pairs, introduce=True, slots=20)
            self.assertEqual(len(wcmp.parse(data).hints), 32)
            self.assertEqual({open_(data, p).status for p in people}, {"known"})
        keys = [pair(n, 2) for n in range(20, 25)]
        data = seal(0x0003, to=[k.public for k in keys])
        self.assertEqual(len({open_(data, k).slot for k in keys}), 5)

    def test_4096_receivers(self):
        keys = [ALICE, BOB]
        many = [KeyPair(1, wcmp.sha256(wcmp.u16(n))).public for n in range(4094)]
        to = [k.public for k in keys] + many
        data = seal(0x0101, to=to, introduce=True)
        self.assertEqual(open_(data, keys[1]).status, "known")
        self.fails("size", seal, 0x0101, to=to + [EVE.public])

    def test_reply(self):
        new = pair(50, 2)
        for suite in wcmp.SUITES:
            bob = receiver(suite)
            options = [dict(introduce=True), dict(sender=None)]
            if suite in SEALED:
                options.append(dict(pair=[bob.public]))
            for more in options:
                self.assertEqual(open_(seal(suite, reply=new, **more), bob).reply, new.public)

    def test_extensions_are_sorted(self):
        data = seal(0x0101, introduce=True, extensions=[(9, b"b"), (1, b"a")])
        self.assertEqual(open_(data, BOB).content.extensions, [(1, b"a"), (9, b"b")])
        data = seal(0x0101, introduce=True, extensions=[(2**31, b"")])
        self.fails("bad-content", open_, data, BOB)

    def test_dummy(self):
        for suite in wcmp.SUITES:
            data = seal(suite, None, [])
            self.assertEqual(len(data), len(seal(suite)))
            for key in (BOB, BOB2):
                self.fails("not-for-me", open_, data, key)

    def test_builder_errors(self):
        bob, carol, bob2 = BOB.public, CAROL.public, BOB2.public
        twin = PublicKey(bob.raw[:34] + carol.sig_pk)
        for code, suite, more in (
            ("suite", 0x0103, dict(to=[bob])),
            ("key", 0x0101, dict(to=[bob2])),
            ("key", 0x0003, dict(to=[bob])),
            ("key", 0x0101, dict(to=[bob, bob])),
            ("key", 0x0101, dict(to=[bob, twin])),
            ("key", 0x0101, dict(sender=None, introduce=True)),
            ("key", 0x0101, dict(sender=None, pair=[bob])),
            ("key", 0x0101, dict(pair=[carol])),
            ("key", 0x0001, dict(pair=[bob])),
            ("key", 0x0101, dict(sender=pair(9, 2), pair=[bob])),
            ("key", 0x0101, dict(to=[bob, carol], introduce=True, reply=EVE)),
            ("key", 0x0101, dict(reply=EVE)),
            ("key", 0x0001, dict(reply=EVE)),
            ("key", 0x0101, dict(to=[bob, carol], pair=[bob], reply=EVE, shared_reply=True)),
            ("size", 0x0101, dict(slots=4097)),
            ("bad-content", 0x0101, dict(content_type="é" * 128)),
            ("bad-content", 0x0101, dict(extensions=[(n, b"") for n in range(65)])),
            ("bad-content", 0x0101, dict(extensions=[(1, b""), (1, b"")])),
        ):
            self.fails(code, seal, suite, **more)
        huge = lambda n: wcmp.seal(0x0101, NOW, rnd(0), None, [bob], body=bytes(n), slots=4096)
        self.fails("size", huge, wcmp.MAX_CONTENT)
        self.fails("size", huge, wcmp.MAX_CONTENT - 8)  # content fits, the envelope does not
        wcmp.seal(0x0101, NOW, rnd(0), None, [bob], body=bytes(wcmp.MAX_CONTENT - 8), slots=2048)
        seal(0x0101, to=[bob, carol], pair=[bob, carol], reply=EVE, shared_reply=True)


class Attacks(Case):
    """Section 14."""

    def test_every_byte_flipped(self):
        for suite in wcmp.SUITES:
            bob = receiver(suite)
            cases = [dict(introduce=True)]
            if suite in SEALED:
                cases.append(dict(pair=[bob.public]))
            for more in cases:
                data = seal(suite, **more)
                for i in range(len(data)):
                    bad = data[:i] + bytes([data[i] ^ 1]) + data[i + 1 :]
                    with self.assertRaises(WcmpError, msg=f"suite {suite:#x}, byte {i}"):
                        open_(bad, bob)

    def test_anonymous_keeps_core_and_content(self):
        data = seal(0x0101, None)
        good = open_(data, BOB)
        for i in range(len(data)):
            try:
                opened = open_(data[:i] + bytes([data[i] ^ 1]) + data[i + 1 :], BOB)
            except WcmpError:
                continue
            self.assertEqual(opened.envelope.core, good.envelope.core)
            self.assertEqual(opened.content, good.content)
            self.assertEqual(opened.status, "anonymous")

    def test_signature_replaced(self):
        for suite, contacts, code in (
            (0x0001, [ALICE.public], "bad-signature"),
            (0x0001, [], "bad-signature"),
            (0x0101, [], "bad-signature"),
        ):
            env = wcmp.parse(seal(suite, introduce=True))
            self.fails(code, open_, resign(env, EVE), BOB, contacts)

    def test_hint_and_signature_replaced(self):
        for contacts in ([], [ALICE.public], [ALICE.public, EVE.public]):
            env = wcmp.parse(seal(0x0001, introduce=True))
            env.sender_hint = wcmp.sender_hint(wcmp.SUITES[1], EVE.public, env.sender_nonce)
            self.fails("not-for-me", open_, resign(env, EVE), BOB, contacts)

    def test_slots_moved(self):
        for suite in wcmp.SUITES:
            bob = receiver(suite)
            env, other = (wcmp.parse(seal(suite, introduce=True, entropy=n)) for n in (0, 1))
            slots = [open_(e.encode(), bob).slot for e in (env, other)]
            env.sealed_keys[slots[0]] = other.sealed_keys[slots[1]]
            moved = fields(env)
            self.fails("not-for-me", open_, moved, bob, [])
            code = "not-for-me" if suite in SEALED else "bad-signature"
            self.fails(code, open_, moved, bob, [ALICE.public])

    def rewrite(self, suite, change, **more):
        """What a dishonest sender can make: other content, all else in order."""
        real = wcmp.Content.encode

        def encode(content):
            change(content)
            return real(content)

        with mock.patch.object(wcmp.Content, "encode", encode):
            return seal(suite, **more)

    def test_bad_introduction(self):
        halves = EVE.public.raw[:34] + CAROL.public.sig_pk
        for suite in (0x0001, 0x0101):
            # Another's key: the hint tells in open suites, the signature in sealed ones.
            others = "bad-introduction" if suite == 0x0001 else "bad-signature"
            for code, raw in (
                ("bad-introduction", b"junk"),
                (others, CAROL.public.raw),
                (others, halves),
            ):
                claim = lambda content, raw=raw: setattr(content, "introduction", raw)
                self.fails(code, open_, self.rewrite(suite, claim), BOB, [])

    def test_introduction_against_known(self):
        claim = lambda content: setattr(content, "introduction", CAROL.public.raw)
        for suite, more in ((0x0001, {}), (0x0101, dict(pair=[BOB.public]))):
            self.fails("bad-introduction", open_, self.rewrite(suite, claim, **more), BOB)

    def test_bad_reply(self):
        def announce(raw):
            def change(content):
                if content.reply:
                    content.reply = raw, content.reply[1]

            return change

        for suite in (0x0001, 0x0101):
            for raw in (CAROL.public.raw, EVE.public.raw[:34] + CAROL.public.sig_pk, b"junk"):
                data = self.rewrite(suite, announce(raw), introduce=True, reply=EVE)
                self.fails("bad-reply", open_, data, BOB)

    def test_reply_of_another_envelope(self):
        stolen = open_(seal(0x0101, introduce=True, reply=EVE), BOB)
        self.assertEqual(stolen.reply, EVE.public)
        copy = lambda content: setattr(content, "reply", stolen.content.reply)
        data = self.rewrite(0x0101, copy, introduce=True, entropy=1)
        self.fails("bad-reply", open_, data, BOB)

    def test_bad_content(self):
        real = wcmp.pad
        for pad in (lambda c: real(c)[:-1] + b"\1", lambda c: real(c) + bytes(1024)):
            with mock.patch.object(wcmp, "pad", pad):
                data = seal(0x0101, introduce=True)
            self.fails("bad-content", open_, data, BOB)

    def test_bad_payload(self):
        class Broken:
            """Encrypts the payload wrongly, the slots as they should be."""

            def __init__(self, key):
                self.real = wcmp.ChaCha20Poly1305(key)

            def encrypt(self, nonce, data, aad):
                broken = bytes(len(data) + 16)
                return broken if aad else self.real.encrypt(nonce, data, aad)

        for suite in (0x0002, 0x0102):
            with mock.patch.object(wcmp.Suite, "aead", lambda self, key: Broken(key)):
                data = seal(suite, introduce=True)
            self.fails("bad-payload", open_, data, BOB)

    def test_another_content_key_for_one_receiver(self):
        real = wcmp.slot_sealer
        other = lambda suite, pk, secret, key: real(
            suite, pk, secret, bytes(32) if pk == CAROL.public else key
        )
        with mock.patch.object(wcmp, "slot_sealer", other):
            data = seal(0x0101, to=[BOB.public, CAROL.public], introduce=True)
        self.assertEqual(open_(data, BOB).status, "known")
        self.fails("not-for-me", open_, data, CAROL)

    def test_low_order_encapsulation(self):
        for suite in (0x0001, 0x0101):
            env = wcmp.parse(seal(suite, introduce=True))
            env.encapsulation = bytes(32)
            self.fails("not-for-me", open_, fields(env), BOB, [])
        env = wcmp.parse(seal(0x0003, introduce=True))
        env.sealed_keys = [key[:1088] + bytes(32) + key[1120:] for key in env.sealed_keys]
        self.fails("not-for-me", open_, fields(env), BOB2, [])

    def test_sealed_envelope_against_all_public_keys(self):
        env = wcmp.parse(seal(0x0101, pair=[BOB.public]))
        for key in (ALICE.public, BOB.public):
            for nonce in (env.sender_nonce, env.recipient_nonce):
                for suite in wcmp.SUITES.values():
                    self.assertNotIn(wcmp.receiver_hint(suite, key, nonce), env.hints)
                    self.assertNotEqual(wcmp.sender_hint(suite, key, nonce), env.sender_hint)
        message = wcmp.envelope_message(env)
        self.assertFalse(wcmp.verify_strict(ALICE.public, message, env.signature))


class Bundles(Case):
    SALT = bytes.fromhex("01020304")
    FRAMES = [(b"\0\0", b"one"), (b"\1\x08" + bytes(8), b"two" * 10), (b"\0\0", b"")]

    def bundle(self, frames=FRAMES, end=True):
        return wcmp.write_bundle(self.SALT, frames, end)

    def read(self, data, max_envelope=wcmp.MAX_TOTAL):
        return list(wcmp.read_bundle(data, max_envelope))

    def test_round_trip(self):
        events = self.read(self.bundle())
        self.assertEqual([e[2:] for e in events[:-1]], self.FRAMES)
        self.assertEqual(events[-1], ("end", "complete"))
        self.assertEqual(self.read(self.bundle(end=False))[-1], ("end", "incomplete"))
        self.assertEqual(self.read(self.bundle([])), [("end", "complete")])

    def test_every_prefix(self):
        data = self.bundle()
        for n in range(len(data)):
            if n < 20:
                self.fails("bundle", self.read, data[:n])
                continue
            events = self.read(data[:n])
            self.assertEqual(events[-1], ("end", "incomplete"))
            kinds = [e[0] for e in events]
            self.assertLessEqual(kinds.count("damaged"), 1)
            good = [e[2:] for e in events if e[0] == "frame"]
            self.assertEqual(good, self.FRAMES[: len(good)])

    def test_every_byte_damaged(self):
        data = self.bundle()
        for i in range(20, len(data)):
            events = self.read(data[:i] + bytes([data[i] ^ 0x55]) + data[i + 1 :])
            damaged = [e for e in events if e[0] == "damaged"]
            self.assertEqual(len(damaged), 1)
            self.assertTrue(damaged[0][1] <= i < damaged[0][1] + damaged[0][2])
            self.assertEqual(events[-1], ("end", "incomplete"))
            self.assertGreaterEqual(len(events), 4)

    def test_every_header_byte_damaged(self):
        for i in range(20):
            for frames in (self.FRAMES, []):
                data = self.bundle(frames)
                bad = data[:i] + bytes([data[i] ^ 0x55]) + data[i + 1 :]
                self.assertEqual(self.read(bad), self.read(data))
                self.fails("bundle", self.read, bad[:20])
                self.fails("bundle", self.read, bad[:20] + bytes(4) + bad[24:])

    def test_other_version_flags_or_magic_refused(self):
        data = self.bundle()
        for i in range(12):
            head = bytearray(data[:16])
            head[i] ^= 1
            self.fails("bundle", self.read, wcmp.with_crc(bytes(head)) + data[20:])

    def test_skipped(self):
        events = self.read(self.bundle(), max_envelope=10)
        self.assertEqual([e[0] for e in events], ["frame", "skipped", "frame", "end"])
        self.assertEqual(events[1][2], 12 + 40)
        self.assertEqual(events[-1], ("end", "complete"))

    def test_inside_of_skipped_and_of_frames_is_not_searched(self):
        inner = self.bundle()[20:]
        data = self.bundle([(b"\0\0", inner)])
        for limit in (wcmp.MAX_TOTAL, 10):
            self.assertEqual(len(self.read(data, limit)), 2)

    def test_stamp_longer_than_body(self):
        data = self.bundle([(b"\1\x09", b"12345678"), (b"\0\0", b"x")])
        events = self.read(data)
        self.assertEqual(events[0], ("damaged", 20, 22))
        self.assertEqual([e[0] for e in events[1:]], ["frame", "end"])
        self.assertEqual(events[-1], ("end", "incomplete"))

    def test_garbage_between_and_after(self):
        a, b = self.bundle(self.FRAMES[:1], False), self.bundle(self.FRAMES[1:2], False)[20:]
        events = self.read(a + b"garbage" + b + b"tail")
        self.assertEqual([e[0] for e in events], ["frame", "damaged", "frame", "damaged", "end"])
        self.assertEqual(events[1][1:], (len(a), 7))

    def test_end_rules(self):
        data, frame = self.bundle(), self.bundle(self.FRAMES[:1], False)[20:]
        end = self.bundle([])[20:]
        self.assertEqual(self.read(data + frame)[-1], ("end", "incomplete"))
        self.assertEqual(self.read(data + end)[-1], ("end", "incomplete"))  # counts 0, there are 3
        self.assertEqual(self.read(data[:20] + end + data[20:])[-1], ("end", "complete"))

    def test_marker_that_overlaps_itself(self):
        frame = wcmp.write_bundle(wcmp.MARK, [(b"\0\0", b"x")])  # the marker is four zeros
        events = self.read(frame[:20] + b"\0\0\0" + frame[20:])
        self.assertEqual(events[0], ("damaged", 20, 3))
        self.assertEqual(events[1][0], "frame")

    def test_budget(self):
        marker = wcmp.xor(wcmp.MARK, self.SALT)
        crafted = (marker + wcmp.u32(1200)) * 400
        data = self.bundle([], False) + crafted + self.bundle(self.FRAMES)[20:]
        self.assertEqual([e[0] for e in self.read(data)][:2], ["damaged", "frame"])
        with mock.patch.object(wcmp, "FAILED_ALLOWANCE", 1000):
            self.assertEqual(
                self.read(data), [("damaged", 20, len(data) - 20), ("end", "incomplete")]
            )


class Protocol(Case):
    def ask(self, **request):
        return wcmp.answer(json.loads(json.dumps(request)))

    def test_seal_open_inspect(self):
        alice, bob = ({"type": 1, "seed": bytes([n] * 32).hex()} for n in (1, 2))
        bob_pk = self.ask(op="keygen", **bob)["public"]
        self.assertEqual(self.ask(op="check_key", public=bob_pk), {"ok": True})
        self.assertEqual(self.ask(op="check_key", public=bob_pk[2:]), {"error": "key"})
        sealed = self.ask(
            op="seal", suite=257, expires=NOW, entropy=rnd(0).hex(), to=[bob_pk], pair=[],
            introduce=True, reply=None, shared_reply=False, slots=0, content_type="text/plain",
            body="00ff", extensions=[[3, "aa"]], **{"from": alice},
        )  # fmt: skip
        opened = self.ask(op="open", envelope=sealed["envelope"], key=bob, contacts=[], now=NOW,
                          strangers=True)  # fmt: skip
        self.assertEqual(opened["status"], "introduced")
        self.assertEqual((opened["body"], opened["extensions"]), ("00ff", [[3, "aa"]]))
        seen = self.ask(op="inspect", envelope=sealed["envelope"])
        self.assertEqual(seen["id"], opened["id"])
        self.assertIsNone(seen["unreadable"])

    def test_bundles(self):
        frames = [{"stamp": "0000", "envelope": "aa"}]
        made = self.ask(op="bundle_write", salt="00000000", frames=frames, end=True)
        events = self.ask(op="bundle_read", bundle=made["bundle"])["events"]
        frame = {"frame": {"offset": 20, "stamp": "0000", "envelope": "aa"}}
        self.assertEqual(events, [frame, {"end": "complete"}])
        self.assertEqual(self.ask(op="bundle_read", bundle=""), {"error": "bundle"})

    def test_malformed_requests(self):
        self.assertIn("failed", self.ask(op="nothing"))
        self.assertIn("failed", self.ask(op="check_key", public="zz"))
        out = io.StringIO()
        with mock.patch("sys.stdin", io.StringIO("{\n")), mock.patch("sys.stdout", out):
            wcmp.main()
        self.assertIn("failed", json.loads(out.getvalue()))


if __name__ == "__main__":
    unittest.main()
