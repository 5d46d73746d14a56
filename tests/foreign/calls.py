"""Calls signed and answers verified by the PyPI package http-message-signatures.

    calls.py URL REALM LOGIN PASSWORDFILE     against the example service, as section 6 has it
    calls.py --selftest                       the signed call and answer of section 7

The login is knh1.py's; everything about RFC 9421 and RFC 9530 is the package's. Section numbers
are those of docs/spec/auth.md. Prints a line for each thing that went as it should.
"""

import base64
import dataclasses
import datetime
import hashlib
import json
import secrets
import sys
import time

from http_message_signatures import (
    HTTPMessageSigner,
    HTTPMessageVerifier,
    InvalidSignature,
    MappingKeyResolver,
    algorithms,
)

import knh1

TAG = "wcmp-auth-1"
COVERED = ["@method", "@authority", "@path", "@query"]
OF_THE_CALL = ['"@method";req', '"@path";req']  # what an answer covers of it


@dataclasses.dataclass
class Call:
    method: str
    url: str
    headers: dict
    body: bytes = b""


@dataclasses.dataclass
class Answer:
    request: Call
    status_code: int
    headers: dict
    body: bytes


class Verifier(HTTPMessageVerifier):
    max_clock_skew = datetime.timedelta(days=3650)  # the vectors are from 2030


class Caller:
    """Signs calls and verifies answers with the keys of one session."""

    def __init__(self, url, session):
        self.url, self.session, self.counter = url, session, 0

    def resolver(self, key):
        keys = {self.session.token: key}
        return MappingKeyResolver(public_keys=keys, private_keys=keys)

    def sign(self, method, target, body=b"", *, covered=(), created=None, nonce=None, headers=(),
             key=None, tag=TAG, label="sig1", bits=256, **more):
        self.counter += 1
        call = Call(method, self.url + target, dict(headers), body)
        components = [*COVERED, *covered]
        if body:
            call.headers |= {"content-type": "text/plain", "content-digest": content_digest(body, bits)}
            components += ["content-digest", "content-type"]
        created = created or time.time() + self.session.offset
        signer = HTTPMessageSigner(signature_algorithm=algorithms.HMAC_SHA256,
                                   key_resolver=self.resolver(key or self.session.k_req))
        signer.sign(call, key_id=self.session.token, nonce=nonce or str(self.counter), tag=tag, label=label,
                    created=datetime.datetime.fromtimestamp(int(created), datetime.timezone.utc),
                    covered_component_ids=components, use_existing_digest=bool(body), **more)
        return call

    def send(self, call):
        target = call.url.removeprefix(self.url)
        status, headers, body = knh1.send(self.url, call.method, target, call.headers, call.body)
        return Answer(call, status, headers, body)

    def verify(self, answer, label="sig1"):
        """Raises InvalidSignature, unless the answer is one."""
        verifier = Verifier(signature_algorithm=algorithms.HMAC_SHA256,
                            key_resolver=self.resolver(self.session.k_resp))
        required = ["@status", "content-digest", *OF_THE_CALL, f'"signature";req;key="{label}"']
        needed = ("content-type", "content-encoding", "content-range")
        required += [name for name in needed if name in answer.headers]
        verifier.verify(answer, max_age=None, expect_tag=TAG, expect_label="knh1",
                        require_components=required, body=answer.body)
        return answer.status_code, answer.body

    def call(self, *args, label="sig1", **options):
        return self.verify(self.send(self.sign(*args, label=label, **options)), label)


def content_digest(body, bits=256):
    digest = hashlib.new(f"sha{bits}", body).digest()
    return f"sha-{bits}=:{base64.b64encode(digest).decode()}:"


def ok(what, condition):
    if not condition:
        sys.exit(f"calls.py: not so: {what}")
    print("ok:", what)


def refused(what, action):
    try:
        action()
    except InvalidSignature:
        ok(what, True)
    else:
        ok(what, False)


def selftest():
    from test_knh1 import ANSWER, AUTHORITY, BODY, CALL, SIG, TARGET, session

    caller = Caller(f"http://{AUTHORITY}", session())
    fields = {"content-type": "text/plain", "content-digest": ANSWER["content-digest"]}
    fields |= {"signature-input": "sig1=" + CALL, "signature": "sig1=" + SIG}
    call = Call("POST", caller.url + TARGET, fields)
    verifier = Verifier(signature_algorithm=algorithms.HMAC_SHA256,
                        key_resolver=caller.resolver(caller.session.k_req))
    verifier.verify(call, max_age=None, expect_tag=TAG, body=BODY,
                    require_components=[*COVERED, "content-digest", "content-type"])
    ok("the call of section 7 verifies", True)
    answer = Answer(call, 200, ANSWER, BODY)
    ok("the answer of section 7 verifies", caller.verify(answer) == (200, BODY))
    for what in ({"status_code": 201}, {"body": b"hellO"}, {"headers": ANSWER | {"content-type": "text/html"}},
                 {"headers": ANSWER | {"content-encoding": "gzip"}},
                 {"request": dataclasses.replace(call, method="PUT")}):
        refused(f"not with another {next(iter(what))}", lambda: caller.verify(dataclasses.replace(answer, **what)))


def against_the_service(url, realm, login, password_file):
    password = open(password_file, encoding="utf-8").read().removesuffix("\n")
    log_in = lambda scopes: Caller(url, knh1.log_in(url, realm, login, password, "calls.py", scopes)[0])
    caller, body = log_in("read write"), "grüße\r\n".encode()

    status, answer = caller.call("GET", "/whoami")
    ok("GET /whoami", status == 200 and json.loads(answer) ==
       {"login": login, "device": "calls.py", "scopes": "read write"})
    for options in (
        {}, {"bits": 512}, {"nonce": secrets.token_urlsafe(24)}, {"label": "mine"}, {"include_alg": False},
        {"headers": {"x-colour": "blue"}, "covered": ["x-colour"]},
        {"expires": datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=99)},
    ):
        ok(f"POST /echo {sorted(options)}", caller.call("POST", "/echo?x=%2F&y", body, **options) == (200, body))
    ok("a body of 100 kB", caller.call("POST", "/echo", b"0123456789" * 10_000)[0] == 200)
    status, answer = caller.call("GET", "/nothing-here")
    ok("an answer 404 is signed too", status == 404)

    def changed(what, call, reason=None, **change):
        """Refused; with a reason exactly if the MAC was right."""
        answer = caller.send(dataclasses.replace(call, **change))
        if reason is None:
            good = answer.status_code == 401 and json.loads(answer.body) == {"error": "invalid_signature"}
            ok(f"{what}: refused, unsigned", good and "signature" not in answer.headers)
        else:
            status, told = caller.verify(answer)
            told = json.loads(told)
            good = (status, told["error"], told["reason"]) == (401, "invalid_signature", reason)
            ok(f"{what}: refused, {reason}, signed", good)
            return told

    call = caller.sign("POST", "/echo?x=1", body)
    fields = lambda **changed: {"headers": call.headers | {n.replace("_", "-"): v for n, v in changed.items()}}
    for what, change in {
        "method": {"method": "PUT"},
        "path": {"url": url + "/echo/?x=1"},
        "query": {"url": url + "/echo?x=2"},
        "query, left out,": {"url": url + "/echo"},
        "content-type": fields(content_type="text/html"),
        "digest and body": fields(content_digest=content_digest(b"x")) | {"body": b"x"},
        "nonce": fields(Signature_Input=call.headers["Signature-Input"].replace('nonce="', 'nonce="9')),
        "MAC": fields(Signature=call.headers["Signature"].replace("=:", "=:A", 1)),
    }.items():
        changed(f"{what} changed", call, **change)
    changed("body changed", call, "digest", body=body[::-1])
    changed("the same call again", call, "replayed")
    call = caller.sign("GET", "/whoami")
    ok("a call", caller.verify(caller.send(call))[0] == 200)
    told = changed("the same call again", call, "replayed")
    ok("next is a good counter", caller.call("GET", "/whoami", nonce=str(told["next"]))[0] == 200)
    now = time.time() + caller.session.offset
    changed("too old", caller.sign("GET", "/whoami", created=now - 320), "clock")
    changed("too early", caller.sign("GET", "/whoami", created=now + 320), "clock")
    for options in ({"key": bytes(32)}, {"tag": "other"}):
        changed(f"signed with another {next(iter(options))}", caller.sign("GET", "/whoami", **options))
    for component in [*COVERED]:
        COVERED.remove(component)
        call = caller.sign("GET", "/whoami")
        COVERED.append(component)
        changed(f"{component} not covered", call)
    call = caller.sign("POST", "/echo", body)
    bare = caller.sign("POST", "/echo")
    changed("body not covered", bare, body=body, headers=bare.headers | {"content-type": "text/plain"})
    ok("and after all that, a call", caller.verify(caller.send(call)) == (200, body))

    answer = caller.send(caller.sign("POST", "/echo", body))
    caller.verify(answer)
    refused("answer with another status", lambda: caller.verify(dataclasses.replace(answer, status_code=201)))
    refused("answer with another body", lambda: caller.verify(dataclasses.replace(answer, body=b"x")))
    other = dataclasses.replace(answer, request=caller.sign("POST", "/echo", body))
    refused("answer to another call", lambda: caller.verify(other))

    reader = log_in("read")
    status, answer = reader.call("POST", "/echo", body)
    ok("without the scope: 403, signed", (status, json.loads(answer)) == (403, {"error": "insufficient_scope"}))


if __name__ == "__main__":
    selftest() if sys.argv[1:] == ["--selftest"] else against_the_service(*sys.argv[1:])
