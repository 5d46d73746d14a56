#!/usr/bin/env node
// KNH1 on one page, in JavaScript: login by password in suite 2, with WebCrypto and nothing else.
// Runs in Node 18 or later; the functions run in browsers too. Section numbers are those of
// docs/spec/auth.md. Logins and passwords in ASCII only: others need the tables of RFC 8265.
// What a login gives here, `kReq` and `kResp`, is used by calls.mjs to sign and to verify.
//
//     node knh1.mjs URL REALM LOGIN PASSWORDFILE        prints the token
//     node knh1.mjs --selftest                          the vectors of section 7

const crypto = globalThis.crypto ?? (await import("node:crypto")).webcrypto; // Node 18 hides it
const { subtle } = crypto;

/** A code of the server, or why this client goes no further. */
export class Refused extends Error {
  name = "Refused";
}
const need = (condition, why) => {
  if (!condition) throw new Refused(why);
};

// ---- 1. Encoding

const utf8 = (text) => new TextEncoder().encode(text);
const concat = (...parts) => {
  const all = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  parts.reduce((at, part) => (all.set(part, at), at + part.length), 0);
  return all;
};
const uint = (n, size) => Uint8Array.from({ length: size }, (_, i) => Number((BigInt(n) >> BigInt(8 * (size - 1 - i))) & 255n));
const u8 = (n) => uint(n, 1);
const u32 = (n) => uint(n, 4);
const u64 = (n) => uint(n, 8);
const lp = (bytes) => concat(u32(bytes.length), bytes);
const enc = (label, ...fields) => concat(lp(utf8(`KNH1 ${label}`)), u32(fields.length), ...fields.map(lp));

const xor = (a, b) => (need(a.length === b.length, "bad_length"), a.map((byte, i) => byte ^ b[i]));
const equal = (a, b) => a.length === b.length && xor(a, b).reduce((or, byte) => or | byte, 0) === 0;
const url64 = (bytes) => btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
const unurl64 = (text) => {
  need(typeof text === "string" && /^[A-Za-z0-9_-]*$/.test(text), "bad_answer");
  const bytes = Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
  need(url64(bytes) === text, "bad_answer"); // the unused low bits are zero
  return bytes;
};

const sha256 = async (message) => new Uint8Array(await subtle.digest("SHA-256", message));
const mac = async (key, message) => {
  const imported = await subtle.importKey("raw", key, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
  return new Uint8Array(await subtle.sign("HMAC", imported, message));
};
const pbkdf2 = async (key, salt, iterations) => {
  const imported = await subtle.importKey("raw", key, "PBKDF2", false, ["deriveBits"]);
  return new Uint8Array(await subtle.deriveBits({ name: "PBKDF2", hash: "SHA-256", salt, iterations }, imported, 256));
};

// ---- 2. The chain: one slow stretch, then a cheap step for each j

async function chain({ salt, c0, cs, P, M }, realm, login, password) {
  const p0 = await mac(salt, enc("password", u8(1), realm, login, password));
  let x = await pbkdf2(p0, enc("stretch", u8(1), realm, login, salt), c0);
  let xP;
  for (let j = 1; j <= M; j++) {
    x = await pbkdf2(x, enc("step", salt, u32(j)), cs);
    if (j === P) xP = x;
  }
  return { xP, xM: x };
}

// ---- 3. Messages: `c` is the challenge, `g` the grant

/** All of it BEFORE the stretch: whoever answers may be anybody. */
export function check(c, leastC0 = 600_000, pin = undefined) {
  const within = (low, n, high) => Number.isSafeInteger(n) && low <= n && n <= high;
  need(c.suite === 2 && c.epk.length === 32 && c.snonce.length === 32, "bad_challenge");
  need(within(16, c.salt.length, 64) && within(1, c.ctx.length, 4096), "bad_challenge");
  need(within(1, c.P, c.N - 1) && within(c.N + 1, c.M, 11_002), "bad_challenge");
  need(c.M - c.N <= 1000 && c.N - c.P <= 4096 && within(1, c.cs, 1000), "bad_challenge");
  need(within(Math.max(leastC0, 100_000), c.c0, 10_000_000 - c.cs * c.M), "bad_challenge");
  // What a former login showed: nothing may have become weaker. Suite 2 has X25519 anyway.
  const weaker = pin && (pin.kdf !== 1 || c.c0 < pin.c0 || c.cs < pin.cs || c.P > pin.P);
  need(!weaker, "parameters_weakened");
}

/** X25519 with the server's key; all zeros, its key is of small order. Also before the stretch. */
async function agree(privateKey, epk) {
  const theirs = await subtle.importKey("raw", epk, "X25519", false, []);
  let z;
  try {
    z = new Uint8Array(await subtle.deriveBits({ name: "X25519", public: theirs }, privateKey, 256));
  } catch {
    throw new Refused("bad_challenge"); // some implementations refuse it themselves
  }
  need(z.some((byte) => byte !== 0), "bad_challenge");
  return z;
}

async function prove(c, z, m1, who, device, scopes, ttl) {
  const { xP, xM } = await chain(c, who.realm, who.login, who.password);
  const numbers = [c.c0, c.cs, c.P, c.N, c.M].map(u32);
  const m2 = enc("challenge", u8(2), c.salt, ...numbers, c.snonce, u64(c.expires), c.epk, c.ctx);
  const th = await sha256(enc("transcript", m1, m2));
  const proof = xor(xP, await mac(xM, enc("mask", th, z)));
  const root = await mac(xM, enc("root", th, z, xP));
  const fin = enc("finish", c.ctx, proof, device, scopes, u32(ttl));
  const cmac = await mac(await mac(root, enc("client finished")), enc("cmac", th, fin));
  return { th, root, proof, cmac };
}

async function unwrap(g, { th, root, cmac }) {
  const grant = enc("grant", g.token, g.wrapped, u64(g.expires), utf8(g.scopes));
  const smac = await mac(await mac(root, enc("server finished")), enc("smac", th, cmac, grant));
  need(equal(smac, g.smac), "server_not_authentic");
  return xor(g.wrapped, await mac(await mac(root, enc("wrap")), enc("pad", th, g.token)));
}

const session = async (token, kSess, offset) => ({
  token: url64(token),
  kReq: await mac(kSess, enc("request")),
  kResp: await mac(kSess, enc("response")),
  offset, // server's time minus ours, in seconds
});

// ---- 6. HTTP and JSON

async function post(url, message) {
  const body = JSON.stringify(message);
  const headers = { "content-type": "application/json" };
  const answer = await fetch(url, { method: "POST", headers, body, redirect: "error" });
  return answer.json();
}

function typed(got, numbers, octets) {
  need(!got.error, got.error);
  for (const name of numbers) need(Number.isSafeInteger(got[name]) && got[name] >= 0, "bad_answer");
  return { ...got, ...Object.fromEntries(octets.map((name) => [name, unurl64(got[name])])) };
}

/** Logs in. `pin` is what a former login of this realm and login returned as such. */
export async function logIn(url, realm, login, password, { device = "", scopes = "", ttl = 0, pin, again = true } = {}) {
  need(/^[!-~]+$/.test(login) && /^[ -~]+$/.test(password), "not_ascii");
  login = login.toLowerCase(); // RFC 8265, as far as ASCII goes
  const who = { realm: utf8(realm), login: utf8(login), password: utf8(password) };
  const { privateKey, publicKey } = await subtle.generateKey("X25519", false, ["deriveBits"]);
  const epk = new Uint8Array(await subtle.exportKey("raw", publicKey));
  const cnonce = crypto.getRandomValues(new Uint8Array(32));
  const m1 = enc("start", u8(2), who.realm, who.login, cnonce, epk);

  const start = { suites: [2], realm, login, cnonce: url64(cnonce), epk: url64(epk) };
  const numbers = ["suite", "c0", "cs", "P", "N", "M", "expires"];
  const c = typed(await post(`${url}/knh1/start`, start), numbers, ["salt", "snonce", "epk", "ctx"]);
  const began = Date.now() / 1000;
  check(c, undefined, pin);
  const z = await agree(privateKey, c.epk);

  const mine = await prove(c, z, m1, who, utf8(device), utf8(scopes), ttl);
  const finish = { ctx: url64(c.ctx), proof: url64(mine.proof), device, scopes, ttl, cmac: url64(mine.cmac) };
  const answer = await post(`${url}/knh1/finish`, finish);
  if (again && answer.error === "expired_challenge") {
    // Once, by itself, with the same offer.
    return logIn(url, realm, login, password, { device, scopes, ttl, pin, again: false });
  }
  const g = typed(answer, ["expires"], ["token", "wrapped", "smac"]);
  need(g.token.length === 16 && typeof g.scopes === "string", "bad_answer");
  const kSess = await unwrap(g, mine);
  need(!scopes || g.scopes.split(" ").every((s) => s === "" || scopes.split(" ").includes(s)), "scopes_not_asked_for");
  return {
    ...(await session(g.token, kSess, c.expires - 120 - began)),
    scopes: g.scopes,
    pin: { kdf: 1, x25519: true, c0: c.c0, cs: c.cs, P: c.P },
  };
}

// ---- 7. Vectors

async function selftest() {
  const hex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  const unhex = (text) => Uint8Array.from(text.match(/../g), (byte) => parseInt(byte, 16));
  const times = (byte, n) => new Uint8Array(n).fill(byte);
  const same = (bytes, wanted) => need(hex(bytes) === wanted, `selftest: ${hex(bytes)} is not ${wanted}`);
  const pkcs8 = concat(unhex("302e020100300506032b656e04220420"), times(0x11, 32)); // RFC 8410
  const esk = await subtle.importKey("pkcs8", pkcs8, "X25519", false, ["deriveBits"]);
  const epkC = unhex("7b4e909bbe7ffe44c465a220037d608ee35897d31ef972f07f74892cb0f73f13");
  const who = { realm: utf8("api.example.com"), login: utf8("alice"), password: utf8("pässwörd") };
  const c = {
    suite: 2, salt: Uint8Array.from({ length: 16 }, (_, i) => i), c0: 600_000, cs: 1, P: 10, N: 11, M: 12,
    snonce: times(0x51, 32), expires: 1_900_000_000, ctx: utf8("cookie"),
    epk: unhex("0faa684ed28867b97f4a6a2dee5df8ce974e76b7018e3f22a1c4cf2678570f20"),
  };
  check(c);
  const z = await agree(esk, c.epk);
  same(z, "9e004098efc091d4ec2663b4e9f5cfd4d7064571690b4bea97ab146ab9f35056");
  const m1 = enc("start", Uint8Array.of(2, 1), who.realm, who.login, times(0xc1, 32), epkC);
  const mine = await prove(c, z, m1, who, utf8("laptop"), utf8("read write"), 3600);
  same(mine.th, "e0753356761e1f3d0ae2862ebfbfa404bb68eb061cbd8cee2f08ae35f78fc487");
  same(mine.proof, "f7a58cd24c61ecaaef552686cb478f4466ee132ec4e853bcf58b4a0c7cdf4a1c");
  same(mine.root, "bbc53d00c1259c022c767785e44bf7d5646cfb62d202e06ee85068325d58df30");
  same(mine.cmac, "ae6a9ba2abe55c4961ccaa2a0e3385e0fa53b785b8f568dca97980a07c3e211d");
  const g = {
    token: times(0x70, 16), expires: 1_900_003_600, scopes: "read",
    wrapped: unhex("989faa6a9e0014bd583b301bdabf334d28c504df01abb0e68b0429d55c4693ac"),
    smac: unhex("ffeb613e30dd7bb5dbc216be9ced5da3ad4ebad0da04d9b8ea9df47333abac4c"),
  };
  same(await unwrap(g, mine), "77".repeat(32));
  const { kReq, kResp } = await session(g.token, times(0x77, 32), 0);
  same(kReq, "33177d9ab550812549476afb0e35f5589b42edf86798620734c5b6a65a5f2e71");
  same(kResp, "4b335a9510cb131d0f83a7d1c0c8078db2d32426be49eeff063c59383d68c2d1");

  // What has to be refused before the stretch, and what has to pass.
  const refuses = async (why, attempt) => {
    const said = await Promise.resolve().then(attempt).then(() => "accepted", (error) => error.message);
    need(said === why, `selftest: ${said}, not ${why}`);
  };
  const pin = { kdf: 1, x25519: true, c0: 600_000, cs: 1, P: 10 };
  const bad = [
    { suite: 1 }, { epk: times(0, 0) }, { salt: times(0, 15) }, { salt: times(0, 65) }, { ctx: times(0, 0) },
    { snonce: times(0, 31) }, { P: 0 }, { P: 11 }, { N: 12 }, { M: 1012 }, { P: 1, N: 4098, M: 4099 }, { M: 11_003 },
    { cs: 0 }, { cs: 1001 }, { c0: 599_999 }, { c0: 10_000_000 - 11 },
  ];
  for (const change of bad) await refuses("bad_challenge", () => check({ ...c, ...change }));
  for (const change of [{ kdf: 3 }, { c0: 600_001 }, { cs: 2 }, { P: 9 }]) {
    await refuses("parameters_weakened", () => check(c, 600_000, { ...pin, ...change }));
  }
  check(c, 600_000, pin);
  await refuses("server_not_authentic", () => unwrap({ ...g, scopes: "read write" }, mine));
  const smallOrder = [times(0, 32), concat(u8(1), times(0, 31)), // the first of RFC 7748's list, and more of it
    unhex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"),
    unhex("5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157")];
  for (const epk of smallOrder) await refuses("bad_challenge", () => agree(esk, epk));
  console.log("knh1.mjs: vectors of section 7, suite 2, and refusals: ok");
}

if (globalThis.process?.argv[1] === (await import("node:url")).fileURLToPath(import.meta.url)) {
  const [first, realm, login, file] = process.argv.slice(2);
  if (first === "--selftest") await selftest();
  else {
    const password = (await import("node:fs")).readFileSync(file, "utf8").replace(/\r?\n$/, "");
    const { token } = await logIn(first, realm, login, password, { device: "knh1.mjs", scopes: "read write" });
    console.log(token);
  }
}
