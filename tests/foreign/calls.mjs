// Calls signed and answers verified by the npm package http-message-signatures.
//
//     node calls.mjs MODULES URL REALM LOGIN PASSWORDFILE   against the example service (section 6)
//     node calls.mjs MODULES --selftest                     the signed call and answer of section 7
//
// MODULES is the folder with node_modules. The login is knh1.mjs's; everything about RFC 9421 is the
// package's, which leaves digests (RFC 9530) and what has to be covered to its caller. Section
// numbers are those of docs/spec/auth.md. Prints a line for each thing that went as it should.

import { createHash, createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { readFileSync } from "node:fs";
import http from "node:http";
import { createRequire } from "node:module";
import { resolve } from "node:path";
import { logIn } from "./knh1.mjs";

const [modules, url, realm, login, passwordFile] = process.argv.slice(2);
const { httpbis } = createRequire(resolve(modules, "package.json"))("http-message-signatures");

const TAG = "wcmp-auth-1";
const COVERED = ["@method", "@authority", "@path", "@query"];

const ok = (what, condition) => {
  if (!condition) {
    console.error(`calls.mjs: not so: ${what}`);
    process.exit(1);
  }
  console.log(`ok: ${what}`);
};
const hmac = (key, data) => createHmac("sha256", key).update(data).digest();
const verifierOf = (key) => ({
  id: "session",
  algs: ["hmac-sha256"],
  verify: async (data, signature) => signature.length === 32 && timingSafeEqual(hmac(key, data), signature),
});
const contentDigest = (body, bits = 256) => `sha-${bits}=:${createHash(`sha${bits}`).update(body).digest("base64")}:`;

/** Signs calls and verifies answers with the keys of one session. */
class Caller {
  constructor(base, session) {
    Object.assign(this, { base, session, counter: 0 });
  }

  now() {
    return Date.now() / 1000 + this.session.offset;
  }

  async sign(method, target, body = "", { covered = [], created, headers = {}, key, values = {}, bits, label = "sig1" } = {}) {
    this.counter += 1;
    const call = { method, url: this.base + target, headers: { ...headers }, body: Buffer.from(body) };
    const fields = [...COVERED, ...covered];
    if (call.body.length) {
      call.headers["content-type"] ??= "text/plain";
      call.headers["content-digest"] ??= contentDigest(call.body, bits);
      fields.push("content-digest", "content-type");
    }
    return httpbis.signMessage(
      {
        key: { id: this.session.token, alg: "hmac-sha256", sign: async (data) => hmac(key ?? this.session.kReq, data) },
        name: label,
        fields,
        params: ["tag", "nonce", "created", "keyid", "alg", ...Object.keys(values)], // any order will do
        paramValues: { tag: TAG, nonce: `${this.counter}`, created: new Date((created ?? this.now()) * 1000), ...values },
      },
      call,
    );
  }

  /** Sends just these bytes; node:http, as fetch would rewrite paths. */
  send(call) {
    return new Promise((done, failed) => {
      const { hostname, port } = new URL(this.base);
      const path = call.url.slice(this.base.length);
      const headers = call.body.length ? { ...call.headers, "content-length": call.body.length } : call.headers;
      const request = http.request({ hostname, port, path, method: call.method, headers, agent: false }, (answer) => {
        const chunks = [];
        answer.on("data", (chunk) => chunks.push(chunk));
        answer.on("end", () => done({ status: answer.statusCode, headers: answer.headers, body: Buffer.concat(chunks) }));
      });
      request.on("error", failed);
      request.end(call.body);
    });
  }

  /** Whether this is an answer to that call. */
  async verified(answer, call, label = "sig1") {
    let told;
    const good = await httpbis.verifyMessage(
      {
        keyLookup: async (params) => (told = params, params.keyid === this.session.token ? verifierOf(this.session.kResp) : null),
        notAfter: 4e9, // the vectors are from 2030
        requiredParams: ["created", "keyid", "tag"],
      },
      answer,
      call,
    ).catch(() => false);
    // What the package does not ask: which components, as they stand in the field, and the digest.
    const input = `${answer.headers["signature-input"] ?? ""}`;
    const names = /^knh1=\(([^)]*)\)/.exec(input)?.[1].split(" ") ?? [];
    const required = ['"@status"', '"content-digest"', '"@method";req', '"@path";req', `"signature";req;key="${label}"`];
    const needed = ["content-type", "content-encoding", "content-range"];
    required.push(...needed.filter((name) => name in answer.headers).map((name) => `"${name}"`));
    const digest = answer.headers["content-digest"] === contentDigest(answer.body);
    return good === true && told.tag === TAG && required.every((name) => names.includes(name)) && digest;
  }

  async call(method, target, body, options = {}) {
    const call = await this.sign(method, target, body, options);
    const answer = await this.send(call);
    return (await this.verified(answer, call, options.label)) ? answer : { status: "no answer", body: answer.body };
  }
}

async function selftest() {
  const digest = "sha-256=:LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=:";
  const after = 'keyid="cHBwcHBwcHBwcHBwcHBwcA";alg="hmac-sha256";tag="wcmp-auth-1"';
  const key = (text) => Buffer.from(text, "hex");
  const session = {
    token: "cHBwcHBwcHBwcHBwcHBwcA",
    offset: 0,
    kReq: key("33177d9ab550812549476afb0e35f5589b42edf86798620734c5b6a65a5f2e71"),
    kResp: key("4b335a9510cb131d0f83a7d1c0c8078db2d32426be49eeff063c59383d68c2d1"),
  };
  const caller = new Caller("http://127.0.0.1:8080", session);
  const call = {
    method: "POST",
    url: "http://127.0.0.1:8080/echo?x=%2F&y",
    headers: {
      "content-type": "text/plain",
      "content-digest": digest,
      "signature-input": `sig1=("@method" "@authority" "@path" "@query" "content-digest" "content-type");created=1900000100;nonce="1";${after}`,
      signature: "sig1=:6P+wnhl1tHlzUQmJSIfnWGBKQg9VTm2El05YXaCuh0Y=:",
    },
  };
  const config = { keyLookup: async () => verifierOf(session.kReq), notAfter: 4e9 };
  ok("the call of section 7 verifies", (await httpbis.verifyMessage(config, call)) === true);
  const answer = {
    status: 200,
    body: Buffer.from("hello"),
    headers: {
      "content-type": "text/plain",
      "content-digest": digest,
      "signature-input": `knh1=("@status" "content-type" "content-digest" "@method";req "@path";req "signature";req;key="sig1");created=1900000101;${after}`,
      signature: "knh1=:/umGkdKGy5pTlmFcjBsl+7aDqIGelncdbu85myGXrxE=:",
    },
  };
  ok("the answer of section 7 verifies", await caller.verified(answer, call));
  for (const change of [{ status: 201 }, { body: Buffer.from("hellO") }, { headers: { ...answer.headers, "content-type": "x/y" } },
    { headers: { ...answer.headers, "content-encoding": "gzip" } }]) {
    ok(`not with another ${Object.keys(change)}`, !(await caller.verified({ ...answer, ...change }, call)));
  }
}

async function againstTheService() {
  const password = readFileSync(passwordFile, "utf8").replace(/\n$/, "");
  const enter = async (scopes) => new Caller(url, await logIn(url, realm, login, password, { device: "calls.mjs", scopes }));
  const caller = await enter("read write");
  const body = Buffer.from("grüße\r\n");

  const who = await caller.call("GET", "/whoami");
  const wanted = { login, device: "calls.mjs", scopes: "read write" };
  ok("GET /whoami", who.status === 200 && Object.entries(wanted).every(([k, v]) => JSON.parse(who.body)[k] === v));
  const ways = {
    plain: {},
    "sha-512": { bits: 512 },
    "random nonce": { values: { nonce: randomBytes(24).toString("base64url") } },
    "another label": { label: "mine" },
    "one more component": { headers: { "x-colour": "blue" }, covered: ["x-colour"] },
    expires: { values: { expires: new Date(Date.now() + 99_000) } },
    "one more parameter": { values: { colour: "blue" } },
  };
  for (const [way, options] of Object.entries(ways)) {
    const answer = await caller.call("POST", "/echo?x=%2F&y", body, options);
    ok(`POST /echo, ${way}`, answer.status === 200 && answer.body.equals(body));
  }
  ok("an answer 404 is signed too", (await caller.call("GET", "/nothing-here")).status === 404);

  const sent = async (what, call, status, error, reason) => {
    const answer = await caller.send(call);
    const told = JSON.parse(answer.body);
    const signed = await caller.verified(answer, call);
    // Signed exactly if the MAC was right, and then with a reason.
    const good = answer.status === status && told.error === error && told.reason === reason && signed === (reason !== undefined);
    ok(`${what}: ${status} ${error} ${reason ?? "unsigned"}`, good && (signed || !answer.headers.signature));
  };
  const call = await caller.sign("POST", "/echo?x=1", body);
  const with_ = (headers) => ({ ...call, headers: { ...call.headers, ...headers } });
  const changed = {
    method: { ...call, method: "PUT" },
    path: { ...call, url: `${url}/echo/?x=1` },
    query: { ...call, url: `${url}/echo?x=2` },
    "content-type": with_({ "content-type": "text/html" }),
    "digest and body": { ...with_({ "content-digest": contentDigest("x") }), body: Buffer.from("x") },
    nonce: with_({ "Signature-Input": call.headers["Signature-Input"].replace('nonce="', 'nonce="9') }),
  };
  for (const [what, tampered] of Object.entries(changed)) await sent(`${what} changed`, tampered, 401, "invalid_signature");
  const halved = { ...call, body: body.subarray(1) };
  await sent("body changed", halved, 401, "invalid_signature", "digest");
  await sent("the same call again", call, 401, "invalid_signature", "replayed");
  await sent("too old", await caller.sign("GET", "/whoami", "", { created: caller.now() - 320 }), 401, "invalid_signature", "clock");
  await sent("another key", await caller.sign("GET", "/whoami", "", { key: Buffer.alloc(32) }), 401, "invalid_signature");
  await sent("another tag", await caller.sign("GET", "/whoami", "", { values: { tag: "other" } }), 401, "invalid_signature");
  ok("and after all that, a call", (await caller.call("POST", "/echo", body)).status === 200);

  const last = await caller.sign("POST", "/echo", body);
  const answer = await caller.send(last);
  ok("the answer verifies", await caller.verified(answer, last));
  ok("not with another status", !(await caller.verified({ ...answer, status: 201 }, last)));
  ok("not with another body", !(await caller.verified({ ...answer, body: Buffer.from("x") }, last)));
  ok("not to another call", !(await caller.verified(answer, await caller.sign("POST", "/echo", body))));

  const reader = await enter("read");
  const forbidden = await reader.call("POST", "/echo", body);
  ok("without the scope: 403, signed", forbidden.status === 403 && JSON.parse(forbidden.body).error === "insufficient_scope");
}

await (url === "--selftest" ? selftest() : againstTheService());
