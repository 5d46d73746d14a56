//! The published vectors (auth 7), every line of them, and those of RFC 7914.

use alloc::format;
use alloc::vec::Vec;
use core::convert::Infallible;

use data_encoding::{BASE64, HEXLOWER};
use rand_core::{TryCryptoRng, TryRng};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::client::{ClientConfig, LoginStart};
use crate::kdf::{hmac, stretch};
use crate::message::{Challenge, Grant, PasswordChange, PasswordParameters, Refreshed, Start};
use crate::schedule::{Schedule, Shared, transcript};
use crate::server::{Opened, Policy, Server};
use crate::{Cost, Parameters, Record, SessionKey, Suite, Suites, UnknownLogins, x25519};

const VECTORS: &str = include_str!("../vectors/knh1.txt");
const REALM: &str = "api.example.com";
const LOGIN: &str = "alice";
const PASSWORD: &str = "p\u{e4}ssw\u{f6}rd";

/// Gives out the bytes that it is given, in that order.
pub(crate) struct Script(pub(crate) Vec<u8>);

impl TryRng for Script {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        panic!("only bytes are drawn")
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        panic!("only bytes are drawn")
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        let rest = self.0.split_off(out.len());
        out.copy_from_slice(&self.0);
        self.0 = rest;
        Ok(())
    }
}

impl TryCryptoRng for Script {}

/// The lines under the first heading that starts with `heading`.
fn section(heading: &str) -> Vec<&'static str> {
    VECTORS
        .lines()
        .skip_while(|line| !line.starts_with(heading))
        .skip(1)
        .take_while(|line| {
            !["suite ", "signed ", "refresh ", "sealed "]
                .iter()
                .any(|h| line.starts_with(h))
        })
        .collect()
}

/// Holds a computed value to its line, and notes that the line was looked at.
struct Expect {
    lines: Vec<&'static str>,
}

impl Expect {
    fn of(heading: &str) -> Expect {
        Expect {
            lines: section(heading),
        }
    }

    fn is(&mut self, name: &str, value: &[u8]) {
        let line = format!("  {name} {}", HEXLOWER.encode(value));
        let at = self.lines.iter().position(|have| **have == line);
        self.lines
            .remove(at.unwrap_or_else(|| panic!("{line} not among {:?}", self.lines)));
    }

    fn all_seen(self) {
        assert!(self.lines.is_empty(), "{:?}", self.lines);
    }
}

fn suite(number: u8, offered: &[u8], cost: Cost) {
    let suite = Suite::try_from(number).unwrap();
    let mut expect = Expect::of(&format!("suite {number}, offered {offered:?}"));
    let salt: [u8; 16] = core::array::from_fn(|i| u8::try_from(i).unwrap());
    let parameters = Parameters {
        cost,
        cs: 1,
        p: 10,
        n: 11,
    };

    // The chain.
    let x0 = stretch(REALM, LOGIN, PASSWORD, &salt, &cost).unwrap();
    let [xp, xn, xm] = [10, 11, 12].map(|to| x0.advance(&salt, 1, to));
    expect.is("X0", x0.dangerous_bytes());
    expect.is("XP", xp.dangerous_bytes());
    expect.is("XM", xm.dangerous_bytes());
    if number == 1 {
        expect.is("XN", xn.dangerous_bytes());
    }

    // m1 and m2.
    let config = ClientConfig {
        suites: Suites::new(offered).unwrap(),
        ..ClientConfig::new(REALM)
    };
    let mut rng = Script([[0xc1; 32], [0x11; 32]].concat());
    let login = LoginStart::new(&config, LOGIN, &mut rng).unwrap();
    let m1: Start = login.message().clone();
    let challenge = Challenge {
        suite,
        salt: salt.to_vec(),
        parameters,
        m: 12,
        snonce: [0x51; 32],
        expires: 1_900_000_000,
        epk: suite.x25519().then(|| x25519::public(&[0x22; 32])),
        ctx: b"cookie".to_vec(),
    };
    let z = if suite.x25519() {
        let (epk_c, epk_s) = (m1.epk.unwrap(), challenge.epk.unwrap());
        expect.is("epk_c", &epk_c);
        expect.is("epk_s", &epk_s);
        let z = x25519_dalek::x25519([0x11; 32], epk_s);
        expect.is("z", &z);
        Shared::agree(&[0x22; 32], &epk_c).0
    } else {
        Shared::none()
    };
    let th = transcript(&m1.to_bytes(), &challenge.to_bytes());
    expect.is("TH", &th);
    let schedule = Schedule::new(&xm, th, z);
    expect.is("root", &*schedule.root_bytes(xp.dangerous_bytes()));

    // The client's m3.
    let proven = login
        .check(challenge.clone(), None)
        .unwrap()
        .run(PASSWORD)
        .unwrap();
    let (finish, pending) = proven.finish("laptop", "read write", 3600).unwrap();
    expect.is("proof", &finish.proof);
    expect.is("cmac", &finish.cmac);

    // The server's view of it, and its m4.
    let unknown = UnknownLogins::new(&[0; 32]);
    let server = Server::new(Policy::new(REALM, parameters, 12).unwrap(), unknown);
    let record = Record::new(REALM, LOGIN, &salt, parameters, xn.dangerous_bytes()).unwrap();
    let opened = Opened {
        start: m1,
        challenge,
        esk: Zeroizing::new([0x22; 32]),
        finish,
    };
    let verified = opened.verify(&server, Some(&record)).unwrap();
    let mut rng = Script([&[0x77; 32][..], &[0x70; 16]].concat());
    let (grant, granted): (Grant, _) = verified.grant("read", 1_900_000_000, &mut rng).unwrap();
    assert_eq!(grant.expires, 1_900_003_600);
    expect.is("wrapped", &grant.wrapped);
    expect.is("smac", &grant.smac);

    // The client's session.
    let session = pending.verify(&grant).unwrap();
    assert_eq!(session.key.dangerous_bytes(), &[0x77; 32]);
    assert_eq!(granted.key.dangerous_bytes(), &[0x77; 32]);
    assert_eq!(
        (session.token_id, session.expires),
        ([0x70; 16], 1_900_003_600)
    );
    assert_eq!(
        (session.scopes.as_str(), session.server_time),
        ("read", 1_899_999_880)
    );
    if number == 1 {
        expect.is("k_req", &*session.key.request());
        expect.is("k_resp", &*session.key.response());
    }
    expect.all_seen();
}

const PBKDF2: Cost = Cost::Pbkdf2 {
    iterations: 600_000,
};
const ARGON2ID: Cost = Cost::Argon2id {
    memory_kib: 19_456,
    time: 2,
    lanes: 1,
};

#[test]
fn suite_1() {
    suite(1, &[1], PBKDF2);
}

#[test]
fn suite_2() {
    suite(2, &[2, 1], PBKDF2);
}

#[test]
fn suite_3() {
    suite(3, &[3], ARGON2ID);
}

#[test]
fn suite_4() {
    suite(4, &[4, 2], ARGON2ID);
}

/// A signature base's lines joined, under the key; the last line of a section is
/// `label=:base64:`.
fn signature(heading: &str, key: &[u8; 32]) {
    let lines = section(heading);
    let (last, base) = lines.split_last().unwrap();
    let base = base.join("\n");
    let (_, expected) = last.split_once('=').unwrap();
    let mac = BASE64.encode(&*hmac(key, base.as_bytes()));
    assert_eq!(expected, format!(":{mac}:"));
    let digest = format!("sha-256=:{}:", BASE64.encode(&Sha256::digest(b"hello")));
    assert!(base.contains(&digest));
}

/// The keys of a session sign the published call and answer. Making and reading
/// signed messages is not here yet.
#[test]
fn signed_call_and_answer() {
    let key = SessionKey::new(&[0x77; 32]);
    signature("signed call", &key.request());
    signature("signed answer", &key.response());
}

#[test]
fn refresh_and_sealed_record() {
    let key = SessionKey::new(&[0x77; 32]);
    let (token, rnonce) = ([0x70; 16], [0x52; 32]);
    let refreshed = Refreshed {
        token: [0x71; 16],
        expires: 1_900_007_200,
        scopes: "read".into(),
    };
    let mut expect = Expect::of("refresh");
    let next = key.next(&token, &rnonce, &refreshed);
    expect.is("k_sess'", next.dangerous_bytes());
    expect.all_seen();

    let salt: [u8; 16] = core::array::from_fn(|i| u8::try_from(i + 16).unwrap());
    let parameters = Parameters::new(PBKDF2);
    let record = Record::new(REALM, LOGIN, &salt, parameters, &[0x48; 32]).unwrap();
    let made_with = PasswordParameters::of(&record, Suite::Pbkdf2X25519);
    let change = PasswordChange::seal(&key, &token, made_with, &record, &rnonce);
    let mut expect = Expect::of("sealed record");
    expect.is("sealed", &change.sealed);
    expect.all_seen();
}

/// RFC 7914, section 11: PBKDF2-HMAC-SHA-256.
#[test]
fn rfc_7914() {
    for (password, salt, iterations, expected) in [
        (&b"passwd"[..], &b"salt"[..], 1, RFC_7914_1),
        (b"Password", b"NaCl", 80_000, RFC_7914_2),
    ] {
        let mut out = [0; 64];
        pbkdf2::pbkdf2_hmac::<Sha256>(password, salt, iterations, &mut out);
        assert_eq!(HEXLOWER.encode(&out), expected);
    }
}

const RFC_7914_1: &str = "55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc\
                          49ca9cccf179b645991664b39d77ef317c71b845b1e30bd509112041d3a19783";
const RFC_7914_2: &str = "4ddcd8f60b98be21830cee5ef22701f9641a4418d04c0414aeff08876b34ab56\
                          a1d425a1225833549adb841b51c9b3176a272bdebba1d078478f62b397f33c8d";
