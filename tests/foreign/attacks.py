"""What a hostile client, listener or go-between sends to the example service, and what must happen.

    attacks.py URL REALM LOGIN PASSWORDFILE             a server whose rate limits are out of the way
    attacks.py URL REALM LOGIN PASSWORDFILE BURST       one started with --burst BURST --refill 10

Standard library only, on top of knh1.py. Written from docs/spec/auth.md, whose section numbers these
are; it knows nothing of the server's code. Prints a line for each thing that went as it should.
"""

import concurrent.futures
import json
import os
import sys
import time

import knh1
from knh1 import b64, base, digest, enc, mac, u32, u64, u8, url64, xor

URL, REALM, LOGIN, PASSWORD_FILE = sys.argv[1:5]
PASSWORD = open(PASSWORD_FILE, encoding="utf-8").read().removesuffix("\n")
BAD_REQUEST = (400, {"error": "invalid_request"})
FAILED, EXPIRED = (401, {"error": "login_failed"}), (401, {"error": "expired_challenge"})


def ok(what, condition, got=""):
    if not condition:
        sys.exit(f"attacks.py: not so: {what} {got}")
    print("ok:", what)


def same(what, got, wanted):
    ok(what, got == wanted, f"{got}, not {wanted}")


def raw(path, body):
    """Status, fields and body of a POST of just these bytes."""
    return knh1.send(URL, "POST", path, {"content-type": "application/json"}, body)


def post(path, message):
    body = message if isinstance(message, bytes) else json.dumps(message).encode()
    status, _, answer = raw(path, body)
    return status, json.loads(answer)


# ---- Login (3, 6)


class Login:
    """One login, step by step, so that each step can be spoilt."""

    def __init__(self, login=LOGIN, password=PASSWORD, scopes="read"):
        self.login, self.cnonce = login, os.urandom(32)
        self.start = {"suites": [1], "realm": REALM, "login": login, "cnonce": url64(self.cnonce), "epk": ""}
        status, told = post("/knh1/start", self.start)
        if status != 200:
            sys.exit(f"attacks.py: start: {status} {told}")
        self.told = told
        self.c = knh1.typed(told, "suite c0 cs P N M expires", "salt snonce epk ctx")
        knh1.check(self.c, 100_000)  # the least that can be configured: there are many logins
        self.prove(password, scopes)

    def prove(self, password, scopes="read", device="attacks", ttl=0):
        texts = [text.encode() for text in (REALM, self.login, password)]
        self.th, self.root, proof, self.cmac = knh1.prove(
            self.c, *texts, self.cnonce, device.encode(), scopes.encode(), ttl)
        self.finish = {"ctx": self.told["ctx"], "proof": url64(proof), "device": device, "scopes": scopes,
                       "ttl": ttl, "cmac": url64(self.cmac)}

    def send(self, **changed):
        return post("/knh1/finish", self.finish | changed)

    def session(self):
        return self.granted(self.send()[1])

    def granted(self, told):
        g = knh1.typed(told, "expires", "token wrapped smac")
        k_sess = knh1.unwrap(g, self.th, self.root, self.cmac)
        session = Session(g["token"], k_sess, URL.split("//")[1], self.c["expires"] - 120 - time.time())
        session.granted, session.k_sess, session.octets = told, k_sess, g["token"]
        return session


def flipped(text):
    """Base64url with one bit changed."""
    octets = knh1.base64.urlsafe_b64decode(text + "==")
    at = os.urandom(2)[0] % len(octets)
    return url64(octets[:at] + bytes([octets[at] ^ 1 << os.urandom(1)[0] % 8]) + octets[at + 1:])


def starts():
    start = {"suites": [1], "realm": REALM, "login": LOGIN, "cnonce": url64(bytes(32)), "epk": ""}
    text = json.dumps(start)
    same("start with unknown members", post("/knh1/start", start | {"x": {"y": [1, None]}})[0], 200)
    for what, changed in {
        "another realm": {"realm": "other.example.com"}, "an empty realm": {"realm": ""},
        "a login that preparation changes": {"login": LOGIN.upper()}, "an empty login": {"login": ""},
        "a login of 256 bytes": {"login": "a" * 256}, "a login with a space": {"login": "a b"},
        "a cnonce of 31 bytes": {"cnonce": url64(bytes(31))}, "a cnonce with padding": {"cnonce": url64(bytes(32)) + "="},
        "a cnonce with unused bits": {"cnonce": url64(bytes(32))[:-1] + "B"}, "no suites": {"suites": []},
        "a suite twice": {"suites": [1, 1]}, "17 suites": {"suites": list(range(1, 18))}, "suites 1.0": {"suites": [1.0]},
        "suite 256": {"suites": [256]}, "suite -1": {"suites": [-1]}, "suites as text": {"suites": "1"},
        "suite true": {"suites": [True]}, "a key that is not offered": {"epk": url64(bytes(32))},
        "suite 2 without a key": {"suites": [2]}, "a key of 31 bytes": {"suites": [2], "epk": url64(bytes(31))},
        "a number as login": {"login": 7}, "null as login": {"login": None},
    }.items():
        same(f"start with {what}", post("/knh1/start", start | changed), BAD_REQUEST)
    for name in start:
        same(f"start without {name}", post("/knh1/start", {n: v for n, v in start.items() if n != name}), BAD_REQUEST)
    for what, spoilt in {
        "nothing": b"", "an array": f"[{text}]".encode(), "a member twice": text.replace("{", '{"realm":"x",').encode(),
        "an unknown member twice": text.replace("{", '{"x":1,"x":2,').encode(),
        "a member twice, once escaped": text.replace("{", '{"\\u0072ealm":"x",').encode(),
        "something after it": (text + "{}").encode(), "a comma too many": text.replace("}", ",}").encode(),
        "an unpaired surrogate": text.replace(LOGIN, "\\ud800").encode(), "no UTF-8": text.replace(LOGIN, "\xff").encode("latin-1"),
        "a byte order mark": b"\xef\xbb\xbf" + text.encode(), "a comment": b"/**/" + text.encode(),
        "1e0": text.replace("[1]", "[1e0]").encode(), "01": text.replace("[1]", "[01]").encode(),
        "deep nesting": text.replace("{", '{"x":' + "[" * 5000 + "]" * 5000 + ",").encode(),
    }.items():
        same(f"start with {what}", post("/knh1/start", spoilt), BAD_REQUEST)
    for path in ("/knh1/start", "/knh1/finish"):
        same(f"{path} of 17 KiB", raw(path, b'{"x":"' + b"x" * 17 * 1024 + b'"}')[0], 413)
    unsupported = (400, {"error": "unsupported_suite"})
    same("only unknown suites", post("/knh1/start", start | {"suites": [9, 200]}), unsupported)
    same("only suites of another KDF", post("/knh1/start", start | {"suites": [3]}), unsupported)
    same("the seed's own suite is off", post("/knh1/start", start | {"suites": [0]}), unsupported)


def unknown_logins():
    def shape(login):
        start = {"suites": [1], "realm": REALM, "login": login, "cnonce": url64(os.urandom(32)), "epk": ""}
        status, fields, body = raw("/knh1/start", json.dumps(start).encode())
        told = json.loads(body)
        lengths = {name: len(value) for name, value in told.items() if isinstance(value, str)}
        numbers = {name: value for name, value in told.items() if type(value) is int and name != "expires"}
        fields.pop("date", 0)
        return (status, fields, list(told), lengths, numbers), told["salt"]

    (known, salt), (stranger, fake) = shape(LOGIN), shape("n" * len(LOGIN))
    same("a stranger's challenge has the shape and numbers of a user's", stranger, known)
    same("its salt stays", shape("n" * len(LOGIN))[1], fake)
    same("as the user's does", shape(LOGIN)[1], salt)
    ok("and is another for another login", shape("m" * len(LOGIN))[1] != fake)

    def failure(login):
        attempt = Login(login, "wrong password")
        status, fields, body = raw("/knh1/finish", json.dumps(attempt.finish).encode())
        fields.pop("date", 0)
        return status, fields, body

    known = failure(LOGIN)
    same("a wrong password", (known[0], json.loads(known[2])), FAILED)
    same("an unknown login fails with the same bytes", failure("n" * len(LOGIN)), known)


def finishes():
    login = Login()
    for what, changed in {
        "without ctx": {"ctx": None}, "with a proof of 31 bytes": {"proof": url64(bytes(31))}, "with ttl -1": {"ttl": -1},
        "with ttl 1.0": {"ttl": 1.0}, "with two spaces in scopes": {"scopes": "a  b"}, "with control characters": {"device": "a\nb"},
        "with a device of 256 bytes": {"device": "a" * 256}, "with a cmac of 33 bytes": {"cmac": url64(bytes(33))},
    }.items():
        same(f"finish {what}", login.send(**changed), BAD_REQUEST)
    same("finish with another ctx", login.send(ctx=flipped(login.finish["ctx"])), EXPIRED)
    same("none of which spent the challenge", login.send()[0], 200)
    same("the same finish again", login.send(), EXPIRED)

    for name, value in {"proof": None, "cmac": None, "device": "other", "scopes": "read write", "ttl": 1}.items():
        login = Login()
        changed = flipped(login.finish[name]) if value is None else value
        same(f"{name} changed on the way", login.send(**{name: changed}), FAILED)
        same("and the challenge is spent", login.send(), EXPIRED)
    login, other = Login(), Login()
    same("the proof of another login", login.send(proof=other.finish["proof"]), FAILED)
    same("the context of another login", other.send(ctx=Login().finish["ctx"]), FAILED)

    login = Login()
    body = json.dumps(login.finish).encode()
    with concurrent.futures.ThreadPoolExecutor(32) as pool:
        answers = list(pool.map(lambda _: raw("/knh1/finish", body), range(64)))
    grants = [json.loads(answer) for status, _, answer in answers if status == 200]
    refused = {(status, answer) for status, _, answer in answers if status != 200}
    same("64 times the same finish at once: one grant", len(grants), 1)
    ok("and 63 times the same refusal", len(refused) == 1 and json.loads(refused.pop()[1]) == EXPIRED[1])
    same("the one session works", login.granted(grants[0]).ask("GET", "/whoami")[0], 200)
    session = Login(scopes="write read nonsense").session()
    same("granted are the allowed ones, in the order asked", session.granted["scopes"], "write read")
    login = Login()
    login.prove(PASSWORD, ttl=1_000_000_000)
    same("never more than 24 hours", login.granted(login.send()[1]).granted["expires"] <= login.c["expires"] + 86_400, True)


# ---- Calls (4)


class Session(knh1.Session):
    def ask(self, method, target, body=b""):
        """Status and JSON of a verified answer."""
        status, answer = self.call(URL, method, target, body)
        return status, json.loads(answer) if answer else None

    def send_json(self, path, message):
        sent = self.sign("POST", path, body := json.dumps(message).encode(), "application/json")
        status, fields, answer = knh1.send(URL, "POST", path, sent, body)
        self.verify("POST", path, sent, status, fields, answer)
        return status, json.loads(answer)

    def signed(self, method="GET", target="/whoami", names=None, fields=(), params=None, body=b"", **changed):
        """A call signed as told, right or wrong: what is sent, and the answer."""
        path, _, query = target.partition("?")
        fields = dict(fields)
        values = {"@method": method, "@authority": self.authority, "@path": path, "@query": "?" + query} | fields
        self.counter += 1
        told = {"created": str(int(time.time() + self.offset)), "nonce": f'"{self.counter}"',
                "keyid": f'"{self.token}"', "alg": '"hmac-sha256"', "tag": '"wcmp-auth-1"'} | changed
        if params is None:
            params = "".join(f";{name}={value}" for name, value in told.items() if value is not None)
        names = [f'"{name}"' for name in values] if names is None else names
        value = f"({' '.join(names)}){params}"
        lines = (f"{name}: {values.get(name.split(';')[0][1:-1], '')}" for name in names)
        sent = {"signature-input": "sig1=" + value, "signature": f"sig1=:{b64(mac(self.k_req, base(lines, value)))}:"} | fields
        return sent, knh1.send(URL, method, target, sent, body)

    def refused(self, what, reason=None, method="GET", target="/whoami", **how):
        sent, (status, fields, body) = self.signed(method, target, **how)
        told = json.loads(body)
        same(what, (status, told.get("error"), told.get("reason")), (401, "invalid_signature", reason))
        ok(f"{what}: scheme and realm", fields["www-authenticate"] == f'KNH1 realm="{REALM}"', fields)
        if reason:
            self.verify(method, target, sent, status, fields, body)
        else:
            ok(f"{what}: not signed", "signature" not in fields)
        return told


def calls():
    session = Login(scopes="read write").session()
    same("a call", session.signed()[1][0], 200)
    same("in another order, with more parameters",
         session.signed(names=['"@query"', '"@path"', '"@authority"', '"@method"'], **{"z": "?1", "a": "1.5", "b": "tok/en", "c": ":YQ==:"})[1][0], 200)
    same("without alg", session.signed(alg=None)[1][0], 200)
    for what, how in {
        "without a tag": {"tag": None}, "without created": {"created": None}, "without nonce": {"nonce": None},
        "without keyid": {"keyid": None}, "another algorithm": {"alg": '"hmac-sha512"'}, "alg as a token": {"alg": "hmac-sha256"},
        "created as text": {"created": '"1"'}, "created as a decimal": {"created": f"{int(time.time())}.0"},
        "nonce as a number": {"nonce": "77"}, "nonce 0": {"nonce": '"0"'}, "nonce with a leading zero": {"nonce": '"077"'},
        "nonce 2^64": {"nonce": f'"{2**64}"'}, "a nonce of 21 characters": {"nonce": '"' + "a" * 21 + '"'},
        "a nonce of 65 characters": {"nonce": '"' + "a" * 65 + '"'}, "an unknown token": {"keyid": '"' + url64(bytes(16)) + '"'},
        "a keyid that is no token": {"keyid": '"x"'}, "expires as text": {"expires": '"99999999999"'},
        "nothing covered": {"names": []}, "a component twice": {"names": ['"@method"', '"@authority"', '"@path"', '"@query"', '"@path"']},
        "an unknown component": {"names": ['"@method"', '"@authority"', '"@path"', '"@query"', '"@nonsense"']},
        "a field that is not there": {"names": ['"@method"', '"@authority"', '"@path"', '"@query"', '"x-y"']},
        **{f"component parameter {p}": {"fields": {"x-y": "a=1"}, "names": ['"@method"', '"@authority"', '"@path"', '"@query"', f'"x-y";{p}']}
           for p in ("sf", "bs", "tr", 'key="a"')},
        "a method override": {"fields": {"x-http-method-override": "DELETE"}, "names": ['"@method"', '"@authority"', '"@path"', '"@query"']},
        "a content encoding": {"fields": {"content-encoding": "gzip"}, "names": ['"@method"', '"@authority"', '"@path"', '"@query"']},
        "a content range": {"fields": {"content-range": "bytes 0-1/2"}, "names": ['"@method"', '"@authority"', '"@path"', '"@query"']},
        "dot segments": {"target": "/x/../whoami"}, "an encoded dot segment": {"target": "/x/%2e%2e/whoami"},
    }.items():
        session.refused(f"call: {what}", **how)
    now = int(time.time() + session.offset)
    session.refused("call: too old", "clock", created=str(now - 320))
    session.refused("call: from the future", "clock", created=str(now + 320))
    fields = {"content-digest": digest(b"x"), "content-type": "text/plain"}
    session.refused("call: a digest of something else", "digest", "POST", "/echo", fields=fields, body=b"y")
    two = fields | {"content-digest": digest(b"y") + ", " + digest(b"x", "512")}
    session.refused("call: one digest of two wrong", "digest", "POST", "/echo", fields=two, body=b"y")
    session.refused("call: an empty body with another digest", "digest", fields={"content-digest": digest(b"x")})
    both = fields | {"content-digest": digest(b"x") + ", " + digest(b"x", "512") + ", md5=:AAAA:"}
    same("both digests right, and an unknown one", session.signed("POST", "/echo", fields=both, body=b"x")[1][0], 200)
    same("a digest of the empty content", session.signed(fields={"content-digest": digest(b"")})[1][0], 200)

    session.counter = 5000
    same("a counter far ahead", session.ask("GET", "/whoami")[0], 200)
    same("a thousand behind it", session.signed(nonce='"4001"')[1][0], 200)
    told = session.refused("call: behind the window", "replayed", nonce='"3900"')
    same("next is a good counter", session.signed(nonce=f'"{told["next"]}"')[1][0], 200)
    session.refused("call: the same counter", "replayed", nonce='"5001"')
    nonce = '"' + url64(os.urandom(24)) + '"'
    same("a random nonce", session.signed(nonce=nonce)[1][0], 200)
    session.refused("call: the same random nonce", "replayed", nonce=nonce)

    # Nothing changes before the MAC is right (4): a stranger burns no nonce and moves no window.
    forger = Session(bytes(16), bytes(32), session.authority, session.offset)
    forger.token = session.token
    for nonce in ('"6000"', '"18446744073709551615"'):
        forger.refused(f"call: nonce {nonce} by a stranger", nonce=nonce)
    session.counter = 5999
    same("which leaves it free", session.ask("GET", "/whoami")[0], 200)
    for fields in ({}, {"signature": "sig1=:AAAA:"}, {"signature-input": "sig1=()"}, {"authorization": "KNH1 x"}):
        status, got, body = knh1.send(URL, "GET", "/whoami", fields, b"")
        same(f"a call with {list(fields)}", (status, json.loads(body), "signature" in got), (401, {"error": "invalid_signature"}, False))
    same("without the scope", Login(scopes="read").session().ask("POST", "/echo", b"x"), (403, {"error": "insufficient_scope"}))


# ---- Sessions (6)


def refreshed(session, rnonce, token, told):
    """The successor, whose key no message carried."""
    new = knh1.base64.urlsafe_b64decode(told["token"] + "==")
    k_next = mac(mac(session.k_sess, enc(b"refresh")),
                 enc(b"next", token, rnonce, new, u64(told["expires"]), told["scopes"].encode()))
    successor = Session(new, k_next, session.authority, session.offset)
    successor.k_sess = k_next
    return successor


def refreshes():
    session = Login(scopes="read write").session()
    rnonce = os.urandom(32)
    ask = {"rnonce": url64(rnonce), "scopes": "", "ttl": 0}
    status, told = session.send_json("/knh1/refresh", ask)
    same("refresh", (status, told["scopes"]), (200, "read write"))
    same("its answer was lost: the same once more", session.send_json("/knh1/refresh", ask), (200, told))
    session.refused("the old token is spent", "spent")
    successor = refreshed(session, rnonce, session.octets, told)
    same("the successor's key", successor.ask("GET", "/whoami")[0], 200)
    status, told = session.send_json("/knh1/refresh", ask)
    same("refreshed again after that: reuse", (status, told.get("reason")), (401, "reuse"))
    successor.refused("which revokes the family", "revoked")

    session = Login().session()
    told = session.send_json("/knh1/refresh", ask)[1]
    status, again = session.send_json("/knh1/refresh", ask | {"rnonce": url64(os.urandom(32))})
    same("a spent token with another rnonce: reuse", (status, again.get("reason")), (401, "reuse"))
    refreshed(session, rnonce, session.octets, told).refused("which revokes the family", "revoked")
    session = Login(scopes="read password").session()
    told = session.send_json("/knh1/refresh", ask)[1]
    same("the scope password does not outlive the login", told["scopes"], "read")


def revoking():
    one, two, three = (Login().session() for _ in range(3))
    same("an unknown token", one.send_json("/knh1/revoke", {"token": url64(bytes(16))}), (200, {}))
    same("revoke another of one's own", one.send_json("/knh1/revoke", {"token": two.token}), (200, {}))
    two.refused("at once", "revoked")
    devices = one.ask("GET", "/knh1/devices")[1]["devices"]
    tokens = {device["token"]: device["current"] for device in devices}
    ok("devices: mine and no revoked one", tokens.get(one.token) is True and tokens.get(three.token) is False and two.token not in tokens)
    same("delete a device", one.ask("DELETE", f"/knh1/devices/{three.token}"), (200, {}))
    three.refused("at once", "revoked")
    same("delete an unknown one", one.ask("DELETE", f"/knh1/devices/{url64(bytes(16))}")[0], 404)
    four = Login(scopes="read introspect").session()
    told = one.send_json("/knh1/introspect", {"token": one.token})[1]
    same("introspect oneself", (told["active"], told["scope"], told["username"], told["token_type"]), (True, "read", LOGIN, "KNH1"))
    same("introspect a revoked one", one.send_json("/knh1/introspect", {"token": two.token}), (200, {"active": False}))
    same("introspect an unknown one", four.send_json("/knh1/introspect", {"token": url64(bytes(16))}), (200, {"active": False}))
    same("revoke all others", one.send_json("/knh1/revoke", {"all": True}), (200, {}))
    four.refused("at once", "revoked")
    same("not oneself", one.ask("GET", "/whoami")[0], 200)
    same("revoke oneself", one.send_json("/knh1/revoke", {"token": one.token})[0], 200)
    one.refused("at once", "revoked")


def password_change():
    def change(session, password):
        told = session.ask("GET", "/knh1/password")[1]
        salt = knh1.base64.urlsafe_b64decode(told["salt"] + "==")
        numbers = [told[name] for name in ("c0", "cs", "P", "N")]
        chained = {"salt": salt, "c0": told["c0"], "cs": told["cs"], "P": told["N"], "M": told["N"]}
        h = knh1.chain(chained, REALM.encode(), LOGIN.encode(), password.encode())[0]
        rnonce = os.urandom(32)
        record = enc(b"record", session.octets, rnonce, u8(told["suite"]), salt, *map(u32, numbers))
        sealed = xor(h, mac(mac(session.k_sess, enc(b"seal")), record))
        return session.send_json("/knh1/password", told | {"rnonce": url64(rnonce), "sealed": url64(sealed)})

    other = Login().session()
    same("password change without the scope", other.ask("GET", "/knh1/password")[0], 403)
    session = Login(scopes="read password").session()
    same("password change", change(session, "another password"), (200, {}))
    other.refused("revokes all other sessions", "revoked")
    same("not this one", session.ask("GET", "/whoami")[0], 200)
    same("the old password", Login().send(), FAILED)
    session = Login(password="another password", scopes="read password").session()
    same("the new one, and back", change(session, PASSWORD), (200, {}))
    same("the first one again", Login().send()[0], 200)


# ---- Rate limits (5.5)


def limits(burst):
    for login in ("n" * len(LOGIN), LOGIN):
        # All the work first: what is slow here must not be taken for patience.
        body = json.dumps(Login(login).finish).encode()
        guesses = [Login(login, "wrong") for _ in range(burst)]
        same(f"{burst} guesses", [guess.send() for guess in guesses], [FAILED] * burst)
        status, fields, told = raw("/knh1/finish", body)
        same("one more, though right", (status, json.loads(told)), (429, {"error": "rate_limited"}))
        ok("with a time to come back", 1 <= int(fields["retry-after"]) <= 60, fields)
        time.sleep(int(fields["retry-after"]))
        wanted = 200 if login == LOGIN else 401
        same("the same finish again, then", raw("/knh1/finish", body)[0], wanted)
    same("successes cost nothing", [Login().send()[0] for _ in range(burst + 2)], [200] * (burst + 2))


if __name__ == "__main__":
    if sys.argv[5:]:
        limits(int(sys.argv[5]))
    else:
        for part in (starts, unknown_logins, finishes, calls, refreshes, revoking, password_change):
            part()
