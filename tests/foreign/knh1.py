#!/usr/bin/env python3
"""KNH1 on one page: login by password (suite 1), signed calls, verified answers.

Python's standard library only; ASCII logins and passwords only; sections are those of
docs/spec/auth.md. Suite 1 lets listeners guess offline: only where X25519 cannot run (8).
    knh1.py URL REALM LOGIN PASSWORDFILE [--call METHOD PATH [BODYFILE]]  or  knh1.py --selftest
"""
import base64, hashlib, hmac, http.client, json, os, re, runpy, sys, time, urllib.parse

class Refused(Exception): """A code of the server, or why this client goes no further."""

def need(condition, why):
    if not condition: raise Refused(why)
# ---- 1. Encoding
u8, u32, u64 = (lambda n, size=size: n.to_bytes(size, "big") for size in (1, 4, 8))
lp = lambda b: u32(len(b)) + b
enc = lambda label, *fields: lp(b"KNH1 " + label) + u32(len(fields)) + b"".join(map(lp, fields))
mac = lambda key, message: hmac.digest(key, message, "sha256")
xor = lambda a, b: bytes(x ^ y for x, y in zip(a, b, strict=True))
# ---- 2. The chain: one slow stretch, then a cheap step for each j
def chain(c, realm, login, password):
    x = mac(c["salt"], enc(b"password", u8(1), realm, login, password))
    x = hashlib.pbkdf2_hmac("sha256", x, enc(b"stretch", u8(1), realm, login, c["salt"]), c["c0"])
    steps = (enc(b"step", c["salt"], u32(j)) for j in range(1, c["M"] + 1))
    xs = [x := hashlib.pbkdf2_hmac("sha256", x, step, c["cs"]) for step in steps]  # X_1 ..
    return xs[c["P"] - 1], xs[-1]
# ---- 3. Messages: `c` is the challenge, `g` the grant
def check(c, least_c0=600_000, pin=None):
    """All of it BEFORE the stretch: whoever answers may be anybody."""
    need(c["suite"] == 1 and c["epk"] == b"" and 16 <= len(c["salt"]) <= 64
         and len(c["snonce"]) == 32 and 1 <= len(c["ctx"]) <= 4096
         and 1 <= c["P"] < c["N"] < c["M"] <= 11_002 and c["M"] - c["N"] <= 1000
         and c["N"] - c["P"] <= 4096 and 1 <= c["cs"] <= 1000
         and max(least_c0, 100_000) <= c["c0"] <= 10_000_000 - c["cs"] * c["M"], "bad_challenge")
    need(not pin or pin["kdf"] == 1 and not pin["x25519"] and c["P"] <= pin["P"]
         and c["c0"] >= pin["c0"] and c["cs"] >= pin["cs"], "parameters_weakened")

def prove(c, realm, login, password, cnonce, device, scopes, ttl):
    x_p, x_m = chain(c, realm, login, password)
    m1 = enc(b"start", u8(1), realm, login, cnonce, b"")
    m2 = enc(b"challenge", u8(1), c["salt"], *(u32(c[name]) for name in ("c0", "cs", "P", "N", "M")),
             c["snonce"], u64(c["expires"]), c["epk"], c["ctx"])
    th = hashlib.sha256(enc(b"transcript", m1, m2)).digest()
    proof, root = xor(x_p, mac(x_m, enc(b"mask", th, b""))), mac(x_m, enc(b"root", th, b"", x_p))
    fin = enc(b"finish", c["ctx"], proof, device, scopes, u32(ttl))
    return th, root, proof, mac(mac(root, enc(b"client finished")), enc(b"cmac", th, fin))

def unwrap(g, th, root, cmac):
    grant = enc(b"grant", g["token"], g["wrapped"], u64(g["expires"]), g["scopes"].encode())
    smac = mac(mac(root, enc(b"server finished")), enc(b"smac", th, cmac, grant))
    need(hmac.compare_digest(smac, g["smac"]), "server_not_authentic")
    return xor(g["wrapped"], mac(mac(root, enc(b"wrap")), enc(b"pad", th, g["token"])))
# ---- 4. Calls: RFC 9421 and RFC 9530
b64 = lambda b: base64.b64encode(b).decode()
digest = lambda body, bits="256": f"sha-{bits}=:{b64(hashlib.new('sha' + bits, body).digest())}:"
base = lambda lines, params: "\n".join([*lines, f'"@signature-params": {params}']).encode()
NAME = r'"[ !#-\[\]-~]+"(?:;req(?:;key="sig1")?)?'  # of a component; our answers use no more
PARAM = r';([a-z*][a-z0-9_.*-]*)=("(?:[ !#-\[\]-~]|\\["\\])*"|[^ ",;()]+)'
INPUT = rf'knh1=(\(((?:{NAME} *)*)\)((?:{PARAM})*))'

class Session:
    """What a login gives: a token, a key for each direction, a counter for nonces."""
    def __init__(self, token, k_sess, authority, offset):
        self.token, self.authority, self.offset, self.counter = url64(token), authority, offset, 0
        self.k_req, self.k_resp = mac(k_sess, enc(b"request")), mac(k_sess, enc(b"response"))
    def sign(self, method, target, body=b"", content_type="text/plain", created=None):
        path, _, query = target.partition("?")
        parts = {"@method": method, "@authority": self.authority, "@path": path, "@query": "?" + query}
        fields = {"content-digest": digest(body), "content-type": content_type} if body else {}
        created, self.counter = created or int(time.time() + self.offset), self.counter + 1
        params = "(" + " ".join(f'"{name}"' for name in parts | fields) + f");created={created}" + (
            f';nonce="{self.counter}";keyid="{self.token}";alg="hmac-sha256";tag="wcmp-auth-1"')
        lines = (f'"{name}": {value}' for name, value in (parts | fields).items())
        sig = b64(mac(self.k_req, base(lines, params)))
        return fields | {"signature-input": f"sig1={params}", "signature": f"sig1=:{sig}:"}
    def verify(self, method, target, sent, status, fields, body):
        """The server's time, from a verified answer. Anything else is no answer."""
        values = {f'"{name}"': value for name, value in fields.items()} | {
            '"@status"': str(status), '"@method";req': method, '"@path";req': target.split("?")[0],
            '"signature";req;key="sig1"': sent["signature"].removeprefix("sig1=")}
        must = {n for n in values if re.search('@|;|"content-(type|encoding|range)"', n)} | {'"content-digest"'}
        found = re.fullmatch(INPUT, fields.get("signature-input", "")) or need(False, "answer_not_signed")
        names, params = re.findall(NAME, found[2]), re.findall(PARAM, found[3])
        told = dict(params)
        need(must <= set(names) <= values.keys() and len(set(names)) == len(names)
             and len(told) == len(params) and told.get("created", "").isdigit() and
             (told.get("keyid"), told.get("tag")) == (f'"{self.token}"', '"wcmp-auth-1"'), "answer_not_signed")
        sig = b64(mac(self.k_resp, base((f"{name}: {values[name]}" for name in names), found[1])))
        digests = [d for d in re.split(" *, *", fields["content-digest"]) if re.match("sha-(256|512)=", d)]
        need(hmac.compare_digest(fields.get("signature", "").encode(), f"knh1=:{sig}:".encode())
             and digests and all(d == digest(body, d[4:7]) for d in digests), "answer_forged")
        return int(told["created"])
    def call(self, url, method, target, body=b"", again=True):
        sent, began = self.sign(method, target, body), time.time()
        status, fields, answer = send(url, method, target, sent, body)
        server = self.verify(method, target, sent, status, fields, answer)
        if again and status == 401 and b'"clock"' in answer and time.time() - began < 30:
            self.offset = server - time.time()  # verified and prompt: it is our clock
            return self.call(url, method, target, body, again=False)
        return status, answer
# ---- 6. HTTP and JSON
url64 = lambda b: base64.urlsafe_b64encode(b).decode().rstrip("=")

def send(url, method, target, fields, body):
    connection = http.client.HTTPConnection(urllib.parse.urlsplit(url).netloc, timeout=30)
    connection.request(method, target, body or None, fields)  # follows no redirects
    answer = connection.getresponse()
    return answer.status, {n.lower(): answer.getheader(n) for n in answer.headers}, answer.read(1 << 24)

def post(url, path, message):
    _, _, answer = send(url, "POST", path, {"content-type": "application/json"}, json.dumps(message).encode())
    return json.loads(answer)

def typed(got, numbers, octets):
    need("error" not in got, got.get("error"))
    need(all(type(got.get(n)) is int and 0 <= got[n] < 2**53 for n in numbers.split()), "bad_answer")
    return got | {n: base64.urlsafe_b64decode(got[n] + "==") for n in octets.split()}

def log_in(url, realm, login, password, device="", scopes="", ttl=0, pin=None, again=True):
    need(all(s and s.isascii() and s.isprintable() for s in (login, password)), "not_ascii")
    login, cnonce, who = login.lower(), os.urandom(32), urllib.parse.urlsplit(url).netloc
    start = {"suites": [1], "realm": realm, "login": login, "cnonce": url64(cnonce), "epk": ""}
    c = typed(post(url, "/knh1/start", start), "suite c0 cs P N M expires", "salt snonce epk ctx")
    check(c, pin=pin)
    began, texts = time.time(), [text.encode() for text in (realm, login, password)]
    th, root, proof, cmac = prove(c, *texts, cnonce, device.encode(), scopes.encode(), ttl)
    finish = {"ctx": url64(c["ctx"]), "proof": url64(proof), "cmac": url64(cmac)}
    finish |= {"device": device, "scopes": scopes, "ttl": ttl}
    g = post(url, "/knh1/finish", finish)
    if again and g.get("error") == "expired_challenge":  # once, by itself, with the same offer
        return log_in(url, realm, login, password, device, scopes, ttl, pin, again=False)
    g = typed(g, "expires", "token wrapped smac")
    k_sess = unwrap(g, th, root, cmac)
    need(not scopes or set(g["scopes"].split()) <= set(scopes.split()), "scopes_not_asked_for")
    return Session(g["token"], k_sess, who, c["expires"] - 120 - began), c  # of c make the next pin

def main(url, realm, login, password_file, *call):
    password = open(password_file, encoding="utf-8").read().removesuffix("\n")
    session, _ = log_in(url, realm, login, password, "knh1.py", "read write")
    body = open(call[3], "rb").read() if call[3:] else b""
    status, answer = session.call(url, *call[1:3] or ("GET", "/whoami"), body)
    sys.stdout.buffer.write(answer)
    return status >= 400

if __name__ == "__main__":
    if sys.argv[1:] == ["--selftest"]:
        sys.exit(runpy.run_path(__file__.replace("knh1", "test_knh1"), run_name="__main__"))
    sys.tracebacklimit = 0  # a failure is one line
    sys.exit(main(*sys.argv[1:]))
