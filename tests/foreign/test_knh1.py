"""The vectors of docs/spec/auth.md, section 7, and what knh1.py refuses, without a server."""

import unittest

import knh1

REALM, LOGIN, PASSWORD = b"api.example.com", b"alice", "pässwörd".encode()
CHALLENGE = {
    "suite": 1, "salt": bytes(range(16)), "c0": 600_000, "cs": 1, "P": 10, "N": 11, "M": 12,
    "snonce": b"\x51" * 32, "expires": 1_900_000_000, "epk": b"", "ctx": b"cookie",
}
AUTHORITY, TOKEN, K_SESS = "127.0.0.1:8080", b"\x70" * 16, b"\x77" * 32
KEYID = "cHBwcHBwcHBwcHBwcHBwcA"
DIGEST = "sha-256=:LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=:"
TARGET, BODY = "/echo?x=%2F&y", b"hello"
SIG = ":6P+wnhl1tHlzUQmJSIfnWGBKQg9VTm2El05YXaCuh0Y=:"
CALL = ('("@method" "@authority" "@path" "@query" "content-digest" "content-type");created=1900000100'
        f';nonce="1";keyid="{KEYID}";alg="hmac-sha256";tag="wcmp-auth-1"')
ANSWER = {
    "content-type": "text/plain",
    "content-digest": DIGEST,
    "signature-input": 'knh1=("@status" "content-type" "content-digest" "@method";req "@path";req '
                       f'"signature";req;key="sig1");created=1900000101;keyid="{KEYID}"'
                       ';alg="hmac-sha256";tag="wcmp-auth-1"',
    "signature": "knh1=:/umGkdKGy5pTlmFcjBsl+7aDqIGelncdbu85myGXrxE=:",
}


def session():
    return knh1.Session(TOKEN, K_SESS, AUTHORITY, 0)


def hexes(*values):
    return [value.hex() for value in values]


class Vectors(unittest.TestCase):
    def test_login(self):
        x_p, x_m = knh1.chain(CHALLENGE, REALM, LOGIN, PASSWORD)
        self.assertEqual(hexes(x_p, x_m), [
            "9e6c2b28345b008f337fc83e80b883e96349851f451e01d6e4e88b2cd08c8495",
            "0fb5a4d649984b7ac5053e172765988cf9737adc8f7185b562cf68ab50cec770"])
        th, root, proof, cmac = knh1.prove(
            CHALLENGE, REALM, LOGIN, PASSWORD, b"\xc1" * 32, b"laptop", b"read write", 3600)
        self.assertEqual(hexes(th, proof, root, cmac), [
            "ac81066bdfeefbf785ceac7fea9eb77642f7042763cd17e823bbbacae1a761e4",
            "c06e9379e83876b8bb95497da1f1d4658c9a3cf29c3c20ed391522d3abf21404",
            "a7a232b12bb521ae33db9d828067e878b7ade2dd8f09047ffc7843fb8b99b54a",
            "f10e6253a26f6f2aa39499f11b66b8e23b6958ed1d27037b06910e7053bbc731"])
        grant = {
            "token": TOKEN, "expires": 1_900_003_600, "scopes": "read",
            "wrapped": bytes.fromhex("5101cbbe21e459c8ab83236058aaacf8e26eb76f12e33d5a32d429f74172ad58"),
            "smac": bytes.fromhex("1bf9b45ce6182a24841e92de2a53c559dbc144b07a6432db784472e637805f82"),
        }
        self.assertEqual(knh1.unwrap(grant, th, root, cmac), K_SESS)
        for name, value in {"expires": 1_900_003_601, "scopes": "read write", "token": b"\x71" * 16}.items():
            with self.assertRaisesRegex(knh1.Refused, "server_not_authentic"):
                knh1.unwrap(grant | {name: value}, th, root, cmac)

    def test_call(self):
        s = session()
        self.assertEqual(hexes(s.k_req, s.k_resp), [
            "33177d9ab550812549476afb0e35f5589b42edf86798620734c5b6a65a5f2e71",
            "4b335a9510cb131d0f83a7d1c0c8078db2d32426be49eeff063c59383d68c2d1"])
        sent = s.sign("POST", TARGET, BODY, created=1_900_000_100)
        self.assertEqual(sent, {
            "content-type": "text/plain", "content-digest": DIGEST,
            "signature-input": "sig1=" + CALL, "signature": "sig1=" + SIG})
        self.assertEqual(s.verify("POST", TARGET, sent, 200, ANSWER, BODY), 1_900_000_101)


class Limits(unittest.TestCase):
    """What section 8 says that suite 1 does not stop, done."""

    def setUp(self):
        self.heard = knh1.prove(CHALLENGE, REALM, LOGIN, PASSWORD, b"\xc1" * 32, b"", b"", 0)

    def test_limit_who_listens_can_test_guesses(self):
        for guess in (b"123456", PASSWORD):
            tried = knh1.prove(CHALLENGE, REALM, LOGIN, guess, b"\xc1" * 32, b"", b"", 0)
            self.assertEqual(tried[3] == self.heard[3], guess == PASSWORD)

    def test_limit_who_listens_and_has_the_record_has_the_login(self):
        record = bytes.fromhex("d6fd3254e3f303c3f55daa4d7411b49d8f150809ef223f72fceaf1d4b5cbfee0")  # X_N
        x_m = knh1.hashlib.pbkdf2_hmac(
            "sha256", record, knh1.enc(b"step", CHALLENGE["salt"], knh1.u32(12)), 1)
        th, root, proof, _ = self.heard
        x_p = knh1.xor(proof, knh1.mac(x_m, knh1.enc(b"mask", th, b"")))
        self.assertEqual(x_p, knh1.chain(CHALLENGE, REALM, LOGIN, PASSWORD)[0])
        self.assertEqual(knh1.mac(x_m, knh1.enc(b"root", th, b"", x_p)), root)


class Refusals(unittest.TestCase):
    def refused(self, why, *args, **changed):
        with self.assertRaisesRegex(knh1.Refused, f"^{why}$"):
            knh1.check(CHALLENGE | changed, *args)

    def test_challenges(self):
        knh1.check(CHALLENGE)
        for bad in (
            {"suite": 2}, {"epk": bytes(32)}, {"salt": bytes(15)}, {"salt": bytes(65)}, {"ctx": b""},
            {"ctx": bytes(4097)}, {"snonce": bytes(31)}, {"P": 0}, {"P": 11}, {"N": 12}, {"N": 13},
            {"M": 1012}, {"P": 1, "N": 4098, "M": 4099}, {"P": 9000, "N": 11002, "M": 11003},
            {"cs": 0}, {"cs": 1001}, {"c0": 599_999}, {"c0": 10_000_000 - 11},
        ):
            self.refused("bad_challenge", **bad)
        for good in (
            {"salt": bytes(64)}, {"ctx": bytes(4096)}, {"M": 1011}, {"P": 1, "N": 4097, "M": 4098},
            {"P": 9000, "N": 11001, "M": 11002}, {"cs": 1000}, {"c0": 10_000_000 - 12},
        ):
            knh1.check(CHALLENGE | good)
        self.refused("bad_challenge", 0, c0=99_999)  # however low the configuration
        knh1.check(CHALLENGE | {"c0": 100_000}, 0)

    def test_pins(self):
        pin = {"kdf": 1, "x25519": False, "c0": 600_000, "cs": 1, "P": 10}
        knh1.check(CHALLENGE, 600_000, pin)
        knh1.check(CHALLENGE | {"c0": 700_000, "cs": 2, "P": 9}, 600_000, pin)
        for weaker in ({"kdf": 3}, {"x25519": True}, {"c0": 600_001}, {"cs": 2}, {"P": 9}):
            self.refused("parameters_weakened", 600_000, pin | weaker)

    def test_answers(self):
        s = session()
        sent = s.sign("POST", TARGET, BODY, created=1_900_000_100)

        def refused(method="POST", target=TARGET, status=200, body=BODY, **changed):
            fields = ANSWER | {name.replace("_", "-"): value for name, value in changed.items()}
            with self.assertRaises(knh1.Refused):
                s.verify(method, target, sent, status, {n: v for n, v in fields.items() if v is not None}, body)

        for different in ({"method": "PUT"}, {"target": "/echo2"}, {"status": 201}, {"body": b"hellO"}, {"body": b""}):
            refused(**different)
        for name, value in ANSWER.items():
            for at in range(len(value)):  # every character, changed and left out
                refused(**{name: value[:at] + chr(ord(value[at]) ^ 1) + value[at + 1:]})
                refused(**{name: value[:at] + value[at + 1:]})
            refused(**{name: None})
        sent = sent | {"signature": "sig1=" + SIG.replace("6", "7")}  # the answer to another call
        refused()

    def test_coverage(self):
        """An answer by the right key is refused if it leaves out what has to be covered."""
        s = session()
        sent = s.sign("POST", TARGET, BODY, created=1_900_000_100)
        full = ['"@status"', '"content-type"', '"content-digest"', '"@method";req', '"@path";req',
                '"signature";req;key="sig1"']
        values = dict(zip(full, ["200", "text/plain", DIGEST, "POST", "/echo", SIG]), **{'"x"': "y"})
        params = f';created=1;keyid="{KEYID}";alg="hmac-sha256";tag="wcmp-auth-1"'

        def answer(names, params=params, more=None):
            value = f"({' '.join(names)}){params}"
            mac = knh1.mac(s.k_resp, knh1.base((f"{name}: {values[name]}" for name in names), value))
            fields = ANSWER | (more or {}) | {"x": "y", "signature-input": "knh1=" + value,
                               "signature": f"knh1=:{knh1.b64(mac)}:"}
            return s.verify("POST", TARGET, sent, 200, fields, BODY)

        self.assertEqual(answer(full), 1)
        self.assertEqual(answer(full[::-1] + ['"x"']), 1)  # any order, and more
        self.assertEqual(answer(full, f';tag="wcmp-auth-1";x=?1;keyid="{KEYID}";alg="hmac-sha256";created=1'), 1)
        wrong = [(full[:i] + full[i + 1:], params) for i in range(len(full))]
        wrong += [(full + full[:1], params)]
        wrong += [(full, params.replace(old, new)) for old, new in (
            ("wcmp-auth-1", "other"), (KEYID, KEYID[::-1]), ("created=1", "created=1;created=2"),
            ("created=1;", ""), ("created=1", 'created="1"'))]
        for names, params in wrong:
            with self.assertRaises(knh1.Refused, msg=(names, params)):
                answer(names, params)
        for name in ("content-encoding", "content-range"):  # what says how to read the bytes
            values[f'"{name}"'] = "z"
            self.assertEqual(answer(full + [f'"{name}"'], more={name: "z"}), 1)
            for names, value in ((full, "z"), (full + [f'"{name}"'], "other")):
                with self.assertRaises(knh1.Refused):
                    answer(names, more={name: value})


if __name__ == "__main__":
    unittest.main(argv=["knh1"])
