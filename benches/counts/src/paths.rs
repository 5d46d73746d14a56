//! What is counted. Everything is made from fixed numbers, so that every run does the same.

use std::convert::Infallible;
use std::hint::black_box;
use std::io::Cursor;

use rand_core::{TryCryptoRng, TryRng};
use wcmp::relay::bundle::{Event, Io, Reader, Stamp, Writer};
use wcmp::relay::policy::{Condition, Field, Header, Named, Policy, Subject};
use wcmp::suite::{HintEngine, HintInput, HintKeys, HintMatcher, HintPath};
use wcmp::wire::{Envelope, EnvelopeRef};
use wcmp::{
    Column, Content, KeyPair, KeyType, Provider, Readable, Receiver, Row, ScanCursor, Scanner,
    Sealer, Suite,
};
use wcmp_auth::call::client::{Caller, Request};
use wcmp_auth::call::{CallKey, CallVerifier};
use wcmp_auth::message::{Finish, Start};
use wcmp_auth::server::{Policy as LoginPolicy, Server, ServerError};
use wcmp_auth::{
    ChallengeKey, ChallengeKeys, Cost, Parameters, Record, SessionKey, Suites, UnknownLogins,
};

const OPEN: Suite = Suite::OpenAes256Gcm;
const SEALED: Suite = Suite::SealedAes256Gcm;
const NOW: u32 = 494_000;
const CRYPTO: Provider = Provider::rust_crypto();

type Work = Box<dyn FnMut()>;

/// A name, and what makes the work.
pub(crate) struct Path {
    pub(crate) name: &'static str,
    pub(crate) prepare: fn() -> Work,
}

impl Path {
    const fn new(name: &'static str, prepare: fn() -> Work) -> Path {
        Path { name, prepare }
    }

    /// All that this processor has.
    pub(crate) fn all() -> Vec<Path> {
        let mut all = vec![
            Path::new("parse, 16 slots, 100 times", parse),
            Path::new("hints, portable, 1 key, 64 envelopes", || {
                hints(HintPath::Portable, 1, 64)
            }),
            Path::new("hints, portable, 10 keys, 16 envelopes", || {
                hints(HintPath::Portable, 10, 16)
            }),
        ];
        if HintEngine::with(HintPath::Avx2).is_some() {
            all.extend([
                Path::new("hints, AVX2, 1 key, 64 envelopes", || {
                    hints(HintPath::Avx2, 1, 64)
                }),
                Path::new("hints, AVX2, 10 keys, 16 envelopes", || {
                    hints(HintPath::Avx2, 10, 16)
                }),
            ]);
        }
        all.extend([
            Path::new("match, 3 hints, 64 slots", || matching(3, 64)),
            Path::new("match, 100 hints, 64 slots", || matching(100, 64)),
            Path::new("scan, open suite, 1 key, 16 slots, 512 rows", || {
                scan(OPEN, 1, 512)
            }),
            Path::new("scan, open suite, 100 keys, 16 slots, 64 rows", || {
                scan(OPEN, 100, 64)
            }),
            Path::new("scan, sealed suite, 10 contacts, 512 rows", || {
                scan(SEALED, 10, 512)
            }),
            Path::new("scan, sealed suite, a stranger, 1 row", || {
                scan(SEALED, 0, 1)
            }),
            Path::new("recognise, open suite, not mine", || recognise(OPEN, 0)),
            Path::new("recognise, sealed suite, 10 contacts, not mine", || {
                recognise(SEALED, 10)
            }),
            Path::new("open, open suite", || open(OPEN, 0)),
            Path::new("open, sealed suite, from a stranger", || open(SEALED, 0)),
            Path::new("open, sealed suite, 256 KiB", || open(SEALED, 256 << 10)),
            Path::new("open, X-Wing", || open(Suite::OpenXWing, 0)),
            Path::new("seal, sealed suite, 1 receiver", || seal(SEALED, 1, 0)),
            Path::new("seal, sealed suite, 16 receivers", || seal(SEALED, 16, 0)),
            Path::new("seal, sealed suite, 256 KiB", || seal(SEALED, 1, 256 << 10)),
            Path::new("seal, X-Wing, 1 receiver", || seal(Suite::OpenXWing, 1, 0)),
            Path::new("bundle, 64 frames of 1 KiB", || bundle(false)),
            Path::new("bundle, damaged", || bundle(true)),
            Path::new("policy, the default, 100 headers", || policy(0)),
            Path::new("policy, ten rules, 100 headers", || policy(10)),
            Path::new("call without a body, read 10 times", || call(false)),
            Path::new("the same, checked and answered", || call(true)),
            Path::new("login, suite 2, up to its refusal", login),
        ]);
        all
    }
}

/// Different numbers, the same in every run (SplitMix64).
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn bytes(&mut self, len: usize) -> Vec<u8> {
        let mut out = vec![0; len];
        let _ = self.try_fill_bytes(&mut out);
        out
    }

    fn array<const N: usize>(&mut self) -> [u8; N] {
        let mut out = [0; N];
        let _ = self.try_fill_bytes(&mut out);
        out
    }

    fn hints(&mut self, count: usize) -> Vec<[u8; 16]> {
        let mut hints: Vec<_> = (0..count).map(|_| self.array()).collect();
        hints.sort_unstable();
        hints
    }
}

impl TryRng for Noise {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(u32::from_le_bytes(self.array()))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(self.next())
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        for chunk in out.chunks_mut(8) {
            let number = self.next().to_le_bytes();
            for (to, from) in chunk.iter_mut().zip(number) {
                *to = from;
            }
        }
        Ok(())
    }
}

impl TryCryptoRng for Noise {}

fn key(suite: Suite, seed: u8) -> KeyPair {
    KeyPair::from_seed(&CRYPTO, suite.key_type(), &[seed; 32]).unwrap()
}

/// An envelope of 16 slots that is nobody's: right in form, noise inside.
fn envelope(suite: Suite, noise: &mut Noise) -> Vec<u8> {
    let envelope = Envelope {
        suite: suite.id().0,
        sender_nonce: noise.array(),
        sender_hint: noise.array(),
        expires: NOW + 100,
        commitment: noise.array(),
        payload: noise.bytes(1024 + 16),
        recipient_nonce: noise.array(),
        encapsulation: noise.bytes(suite.enc_len()),
        hints: noise.hints(16),
        sealed_keys: noise.bytes(16 * suite.slot_len()),
        signature: noise.bytes(64),
    };
    envelope.encode().unwrap()
}

fn parse() -> Work {
    let envelope = envelope(SEALED, &mut Noise(1));
    Box::new(move || {
        for _ in 0..100 {
            black_box(EnvelopeRef::parse(black_box(&envelope)).unwrap());
        }
    })
}

fn hints(path: HintPath, keys: u8, envelopes: usize) -> Work {
    let engine = HintEngine::with(path).unwrap();
    let mine: Vec<KeyPair> = (0..keys).map(|seed| key(OPEN, seed)).collect();
    let nonces = Noise(2).hints(envelopes);
    let message = |nonce| HintInput::receiver(OPEN, nonce);
    let messages: Vec<HintInput> = nonces.iter().map(message).collect();
    let mut hints = Vec::new();
    Box::new(move || {
        let keys: HintKeys<'_> = mine.iter().map(KeyPair::hint_key).collect();
        engine.hints(&keys, black_box(&messages), &mut hints);
        black_box(&hints);
    })
}

fn matching(hints: usize, slots: usize) -> Work {
    let mut noise = Noise(3);
    let (hints, slots) = (noise.hints(hints), noise.hints(slots));
    let mut matcher = HintMatcher::new();
    Box::new(move || {
        matcher.each(black_box(&slots), black_box(&hints), |place, slot| {
            black_box((place, slot));
        });
    })
}

/// In an open suite for so many keys, in a sealed one for a key with so many contacts;
/// with none, for strangers.
fn scan(suite: Suite, many: u8, rows: usize) -> Work {
    let mut noise = Noise(4);
    let mut column = Column::new();
    for _ in 0..rows {
        let envelope = envelope(suite, &mut noise);
        column.push(&CRYPTO, &Readable::parse(&envelope, NOW).unwrap());
    }
    let receivers: Vec<Receiver> = if suite == OPEN {
        (0..many)
            .map(|seed| Receiver::new(key(OPEN, seed)))
            .collect()
    } else {
        vec![receiver(suite, many)]
    };
    Box::new(move || {
        let scanner = Scanner::new(&CRYPTO, &receivers);
        let rows: Vec<Row<'_>> = black_box(&column).rows().collect();
        let (mut cursor, mut budget) = (ScanCursor::default(), u64::MAX);
        let scanned = scanner.scan(&rows, 0, NOW, &mut cursor, &mut budget, &mut |_| ());
        assert!(black_box(scanned).found.is_empty());
    })
}

/// Closed to strangers, unless there are no contacts.
fn receiver(suite: Suite, contacts: u8) -> Receiver {
    let mut me = Receiver::new(key(suite, 200));
    for seed in 0..contacts {
        me.add_contact(&CRYPTO, key(suite, seed).public().clone());
    }
    if contacts > 0 {
        me.close_to_strangers();
    }
    me
}

fn recognise(suite: Suite, contacts: u8) -> Work {
    let envelope = envelope(suite, &mut Noise(5));
    let me = receiver(suite, contacts);
    Box::new(move || {
        let readable = Readable::parse(black_box(&envelope), NOW).unwrap();
        assert!(readable.recognise(&CRYPTO, &me).is_none());
    })
}

/// A sealer, its content and a message from it.
fn seal(suite: Suite, receivers: u8, bytes: usize) -> Work {
    let to: Vec<KeyPair> = (0..receivers).map(|seed| key(suite, seed)).collect();
    let content = Content::new("text/plain", Noise(6).bytes(bytes));
    let from = KeyPair::from_seed(&CRYPTO, KeyType::X25519, &[201; 32]).unwrap();
    Box::new(move || {
        let sealer = Sealer::new(suite, NOW).from(&from).introduce();
        let sealer = to.iter().fold(sealer, |sealer, to| sealer.to(to.public()));
        black_box(
            sealer
                .seal(&CRYPTO, black_box(&content), &mut Noise(7))
                .unwrap(),
        );
    })
}

fn open(suite: Suite, bytes: usize) -> Work {
    let me = receiver(suite, 0);
    let content = Content::new("text/plain", Noise(8).bytes(bytes));
    let from = KeyPair::from_seed(&CRYPTO, KeyType::X25519, &[201; 32]).unwrap();
    let sealer = Sealer::new(suite, NOW).from(&from).introduce();
    let sealer = sealer.to(me.keys().public());
    let envelope = sealer.seal(&CRYPTO, &content, &mut Noise(9)).unwrap();
    Box::new(move || {
        let readable = Readable::parse(black_box(&envelope), NOW).unwrap();
        let recognised = readable.recognise(&CRYPTO, &me).unwrap();
        black_box(recognised.open(&CRYPTO, &[]).unwrap());
    })
}

/// 64 frames; if damaged, a byte of every eighth is another.
fn bundle(damaged: bool) -> Work {
    let mut noise = Noise(10);
    let mut writer = Writer::new(Io(Vec::new()), [7; 4]).unwrap();
    for _ in 0..64 {
        writer.frame(Stamp::NONE, &noise.bytes(1024)).unwrap();
    }
    let mut bytes = writer.finish().unwrap().0;
    if damaged {
        for byte in bytes.iter_mut().skip(500).step_by(8 * 1040) {
            *byte ^= 1;
        }
    }
    let expected = if damaged { 56 } else { 64 };
    Box::new(move || {
        let mut reader = Reader::open(Io(Cursor::new(black_box(&bytes))), 1 << 20).unwrap();
        let mut frames = 0;
        while let Some(event) = reader.next().unwrap() {
            frames += u32::from(matches!(black_box(event), Event::Frame { .. }));
        }
        assert_eq!(frames, expected);
    })
}

fn policy(rules: u64) -> Work {
    let mut policy = Policy::default();
    for n in 0..rules {
        let small = Condition::within(Field::Size, 0..=1 << 19);
        let short = Condition::within(Field::Hours, 0..=100 + n);
        let either = Condition::Any(vec![Box::new(short), Box::new(small)]);
        policy.push(Named::keep(format!("rule-{n}"), either));
    }
    let envelope = envelope(SEALED, &mut Noise(11));
    Box::new(move || {
        let view = EnvelopeRef::parse(&envelope).unwrap();
        let subject = Subject {
            header: Header::from(&view),
            now: NOW,
            effort: None,
        };
        for _ in 0..100 {
            black_box(policy.judge(black_box(&subject)));
        }
    })
}

/// A server's side of a signed call.
fn call(answered: bool) -> Work {
    const NOW: u64 = 1_900_000_000;
    const TARGET: &str = "/v1/messages?after=17";
    let key = SessionKey::new(&Noise(12).array());
    let mut caller = Caller::new(&Noise(13).array(), &key, "api.example.com").unwrap();
    let request = Request {
        method: "GET",
        target: TARGET,
        content: None,
        fields: &[],
    };
    let (fields, _) = caller.sign(&request, NOW).unwrap();
    let verifier = CallVerifier::new("api.example.com").unwrap();
    let keys = [key.request(), key.response()].map(|key| CallKey::new(&key));
    Box::new(move || {
        let sent = [
            ("host", "api.example.com"),
            ("accept", "*/*"),
            ("signature-input", &fields.signature_input),
            ("signature", &fields.signature),
        ];
        let headers = || sent.iter().map(|(name, value)| (*name, value.as_bytes()));
        for _ in 0..10 {
            let call = verifier.parse("GET", black_box(TARGET), headers).unwrap();
            if answered {
                let call = call.authenticate(&keys[0]).unwrap();
                let answering = call.answering(&keys[1]);
                black_box(
                    answering
                        .sign(200, Some(b"text/plain"), b"hello", NOW)
                        .unwrap(),
                );
            } else {
                black_box(call);
            }
        }
    })
}

/// A server's side of a login whose password is wrong: no client has to stretch it.
fn login() -> Work {
    const NOW: u64 = 1_900_000_000;
    const REALM: &str = "api.example.com";
    let parameters = Parameters::new(Cost::PBKDF2);
    let policy = LoginPolicy::new(REALM, parameters, 3).unwrap();
    let server = Server::new(policy, UnknownLogins::new(&Noise(14).array()));
    let keys = ChallengeKeys::new(ChallengeKey::new(1, &Noise(15).array(), NOW));
    let (salt, h): ([u8; 16], _) = (Noise(16).array(), Noise(17).array());
    let record = Record::new(REALM, "alice", &salt, parameters, &h).unwrap();
    let mut epk = [0; 32];
    epk[0] = 9;
    let start = Start {
        suites: Suites::new(&[2]).unwrap(),
        realm: REALM.into(),
        login: "alice".into(),
        cnonce: Noise(18).array(),
        epk: Some(epk),
    };
    Box::new(move || {
        let challenge = server.start(&keys, black_box(&start), Some(&record), NOW, &mut Noise(19));
        let finish = Finish {
            ctx: challenge.unwrap().ctx,
            proof: [1; 32],
            device: "laptop".into(),
            scopes: "read".into(),
            ttl: 0,
            cmac: [2; 32],
        };
        let opened = server.open(&keys, black_box(&finish), NOW).unwrap();
        let refused = opened.verify(&server, Some(&record)).unwrap_err();
        assert_eq!(refused, ServerError::LoginFailed);
    })
}
