//! Faults under the encryption: padding, content, introductions, reply keys.

use serde_json::Value;
use wcmp::{EnvelopeRef, KeyPair, PublicKey};
use wcmp_wire::{Envelope, PREFIX_LEN};

use super::{Crafted, OPEN, People, SEALED, plus_order};
use crate::kit::{Forge, Parts, Row, key_of, pad, person, reply_signature};
use crate::protocol::{hex, unhex};
use crate::vectors::Vector;
use crate::vectors::keys::BAD_ED25519;
use crate::vectors::open::opening;
use crate::vectors::seal::suite_name;

impl Crafted {
    pub(super) fn contents(&self) {
        let good = Parts::new("hello");
        let encoded = good.encode();
        let mut twice = pad(&encoded);
        twice.resize(2048, 0);
        let mut marked = pad(&encoded);
        marked[encoded.len()] = 0x81;
        let with = |content_type: &[u8], extensions: &[(u32, &[u8])]| {
            let extensions = extensions.iter().map(|(id, data)| (*id, data.to_vec()));
            let parts = Parts {
                content_type: content_type.to_vec(),
                extensions: extensions.collect(),
                ..good.clone()
            };
            pad(&parts.encode())
        };
        let many: Vec<(u32, &[u8])> = (0..65).map(|id| (id, &[][..])).collect();
        let raw = |bytes: &[u8]| pad(bytes);
        for (name, what, plaintext) in [
            ("padding-zeros", "Nothing but zeros.", vec![0; 1024]),
            ("padding-no-mark", "No 0x80 before the zeros.", marked),
            (
                "padding-too-long",
                "Twice as much padding as there should be.",
                twice,
            ),
            ("content-empty", "No content before the mark.", raw(&[])),
            (
                "introduction-tag-2",
                "An option tag of 2.",
                raw(&[2, 0, 0, 0, 0]),
            ),
            ("reply-tag-2", "An option tag of 2.", raw(&[0, 2, 0, 0, 0])),
            (
                "content-cut",
                "The count of extensions is missing.",
                raw(&[0, 0, 0, 0]),
            ),
            (
                "content-trailing",
                "A byte after the extensions.",
                raw(&[0, 0, 0, 0, 0, 0]),
            ),
            (
                "content-varint-not-minimal",
                "The body's length in two bytes.",
                raw(&[0, 0, 0, 0x80, 0, 0]),
            ),
            (
                "content-varint-too-long",
                "The body's length is 2^32.",
                raw(&[0, 0, 0, 0x80, 0x80, 0x80, 0x80, 0x10, 0]),
            ),
            (
                "body-beyond-the-end",
                "A body longer than the content.",
                raw(&[0, 0, 0, 5, 0]),
            ),
            (
                "introduction-beyond-the-end",
                "A length of nearly 2^32.",
                raw(&[1, 0xff, 0xff, 0xff, 0xff, 0x0f, 0]),
            ),
            (
                "extension-count-beyond-the-end",
                "64 extensions are announced, none follows.",
                raw(&[0, 0, 0, 0, 64]),
            ),
            (
                "content-type-256",
                "A content type of 256 bytes.",
                with(&[b't'; 256], &[]),
            ),
            (
                "content-type-no-utf-8",
                "A content type that is no UTF-8.",
                with(b"\xff", &[]),
            ),
            (
                "content-type-surrogate",
                "A surrogate half is no UTF-8.",
                with(b"\xed\xa0\x80", &[]),
            ),
            (
                "content-type-overlong",
                "An overlong form is no UTF-8.",
                with(b"\xc0\x80", &[]),
            ),
            ("extensions-65", "65 extensions.", with(b"", &many)),
            (
                "extensions-not-sorted",
                "Extensions out of order.",
                with(b"", &[(2, b""), (1, b"")]),
            ),
            (
                "extension-twice",
                "An extension twice.",
                with(b"", &[(2, b""), (2, b"a")]),
            ),
        ] {
            let forge = Forge {
                plaintext: Box::new(move |_| plaintext.clone()),
                ..self.honest(SEALED)
            };
            let envelope = forge.bytes();
            self.add(name, what, "bad-content", &envelope);
        }
    }

    pub(super) fn introductions(&self) {
        let People {
            alice,
            bob,
            mallory,
            ..
        } = &self.people;
        let kem = alice.public().kem();
        let bad: [(&str, &str, Vec<u8>); 5] = [
            ("empty", "No key.", vec![]),
            (
                "short",
                "A key that is too short.",
                alice.public().as_bytes()[..65].to_vec(),
            ),
            ("type-3", "A key of no known type.", {
                [&[0, 3], &alice.public().as_bytes()[2..]].concat()
            }),
            ("x25519-zero", "A key of small order.", {
                key_of(&[0; 32], alice.public().ed25519())
            }),
            ("ed25519", "A key that is not valid.", {
                let point = unhex(BAD_ED25519[13].1);
                key_of(kem, &point.try_into().unwrap())
            }),
        ];
        let mut made = Vec::new();
        for suite in [OPEN, SEALED] {
            let s = suite_name(suite);
            for (name, what, key) in &bad {
                let parts = Parts::new("hello").introducing(key);
                let envelope = self.stranger(suite, &parts).bytes();
                let name = format!("introduction-{name}-{s}");
                made.push((name, *what, "bad-introduction", envelope));
            }
            let forge = |parts: &Parts, signer, hint_of: &KeyPair| {
                let mut forge = self.stranger(suite, parts);
                forge.signer = signer;
                let hint_of = hint_of.public().clone();
                Forge {
                    hint_of: &hint_of,
                    ..forge
                }
                .bytes()
            };
            let parts = Parts::new("hello").introducing(mallory.public().as_bytes());
            let what = "Introduced by one key, signed with another.";
            let envelope = forge(&parts, bob, mallory);
            made.push((
                format!("introduction-not-signed-{s}"),
                what,
                "bad-signature",
                envelope,
            ));

            let mut known = self.honest(suite);
            let text = pad(&parts.encode());
            known.plaintext = Box::new(move |_| text.clone());
            let what = "A contact's message introduces somebody else.";
            let name = format!("introduction-of-another-{s}");
            made.push((name, what, "bad-introduction", known.bytes()));
        }
        let parts = Parts::new("hello").introducing(mallory.public().as_bytes());
        let mut forge = self.stranger(OPEN, &parts);
        forge.signer = mallory;
        forge.hint_of = bob.public();
        let what = "Open suites: the sender hint is not that of the key introduced.";
        made.push((
            "introduction-other-hint".into(),
            what,
            "bad-introduction",
            forge.bytes(),
        ));

        let halves = key_of(mallory.public().kem(), alice.public().ed25519());
        let parts = Parts::new("hello").introducing(&halves);
        let halves = PublicKey::from_bytes(&halves).unwrap();
        let mut forge = self.stranger(SEALED, &parts);
        forge.signer = mallory;
        forge.hint_of = &halves;
        let what = "A key made of two people's halves, signed by the wrong one.";
        made.push((
            "introduction-halves".into(),
            what,
            "bad-signature",
            forge.bytes(),
        ));
        for (name, what, expect, envelope) in made {
            self.add(&name, what, expect, &envelope);
        }
    }

    pub(super) fn replies(&self) {
        let People {
            alice,
            bob,
            mallory,
            ..
        } = &self.people;
        let (a, m) = (alice.public(), mallory.public());
        let reply = person("reply");
        let r = reply.public();
        type Make<'a> = Box<dyn Fn(&[u8; PREFIX_LEN]) -> (Vec<u8>, Vec<u8>) + 'a>;
        let signed = |signer: &KeyPair, sender: Option<&PublicKey>, prefix: &[u8; PREFIX_LEN]| {
            reply_signature(signer, sender, prefix, r).to_vec()
        };
        let key = |key: &PublicKey| key.as_bytes().to_vec();
        let other_prefix = [9; PREFIX_LEN];
        let makes: Vec<(&str, &str, &str, Make<'_>)> = vec![
            ("sound", "Nothing is wrong with this one.", "known", {
                Box::new(|p| (key(r), signed(&reply, Some(a), p)))
            }),
            (
                "of-another",
                "Somebody else's key, signed by the sender.",
                "bad-reply",
                { Box::new(|p| (key(r), signed(alice, Some(a), p))) },
            ),
            ("for-another", "Signed for another sender.", "bad-reply", {
                Box::new(|p| (key(r), signed(&reply, Some(m), p)))
            }),
            (
                "for-nobody",
                "Signed for nobody, but there is a sender.",
                "bad-reply",
                { Box::new(|p| (key(r), signed(&reply, None, p))) },
            ),
            (
                "of-another-message",
                "Signed for another prefix.",
                "bad-reply",
                { Box::new(|_| (key(r), signed(&reply, Some(a), &other_prefix))) },
            ),
            ("signature-63", "A signature of 63 bytes.", "bad-reply", {
                Box::new(|p| (key(r), signed(&reply, Some(a), p)[..63].to_vec()))
            }),
            ("signature-65", "A signature of 65 bytes.", "bad-reply", {
                Box::new(|p| (key(r), [signed(&reply, Some(a), p), vec![0]].concat()))
            }),
            (
                "signature-s-plus-order",
                "S + L instead of S.",
                "bad-reply",
                {
                    Box::new(|p| {
                        let mut signature = signed(&reply, Some(a), p);
                        plus_order(&mut signature[32..]);
                        (key(r), signature)
                    })
                },
            ),
            ("key-short", "A key that is too short.", "bad-reply", {
                Box::new(|p| (r.as_bytes()[..65].to_vec(), signed(&reply, Some(a), p)))
            }),
            (
                "key-of-small-order",
                "A key of small order.",
                "bad-reply",
                { Box::new(|p| (key_of(&[0; 32], r.ed25519()), signed(&reply, Some(a), p))) },
            ),
        ];
        let mut out = Vec::new();
        for (name, what, expect, make) in makes {
            let mut forge = self.honest(SEALED);
            forge.plaintext = Box::new(move |prefix| {
                let (key, signature) = make(prefix);
                pad(&Parts::new("hello").replying(&key, &signature).encode())
            });
            out.push((name, what, expect, forge.bytes()));
        }
        let mut forge = Forge::new(
            SEALED,
            mallory,
            vec![Row::new(SEALED, bob.public())],
            vec![],
        );
        forge.plaintext = Box::new(|p| {
            let signature = reply_signature(&reply, Some(m), p, r);
            pad(&Parts::new("hello")
                .replying(key(r).as_slice(), &signature)
                .encode())
        });
        let what = "Signed for a sender of whom the receiver learns nothing.";
        out.push(("for-somebody-hidden", what, "bad-reply", forge.bytes()));
        for (name, what, expect, envelope) in out {
            self.add(&format!("reply-{name}"), what, expect, &envelope);
        }
    }

    /// Two things are wrong at once.
    pub(super) fn order_of_checks(&self) {
        let open = |code: &'static str, name: &str, what: &str, envelope: Value| {
            let mut request = opening(&envelope, &self.people.bob, &[]);
            request["now"] = u32::MAX.into();
            Vector::new(&format!("open/order-{name}"), what, code, request)
        };
        let honest = EnvelopeRef::parse(&self.honest(SEALED).bytes())
            .unwrap()
            .to_owned();
        let bytes = |change: &dyn Fn(&mut Envelope)| {
            let mut it = honest.clone();
            change(&mut it);
            Value::from(hex(&it.encode().unwrap()))
        };
        let version = honest.encode().unwrap();
        let version = hex(&[&[2], &version[1..900]].concat());
        let out = [
            open(
                "version",
                "version",
                "Another version, and cut off.",
                version.into(),
            ),
            open(
                "suite",
                "suite",
                "An unknown suite of wrong lengths, expired.",
                {
                    bytes(&|it| {
                        it.suite = 0x0300;
                        it.signature.pop();
                    })
                },
            ),
            open("malformed", "malformed", "A wrong length, and expired.", {
                bytes(&|it| it.signature.truncate(63))
            }),
            open(
                "expired",
                "expired",
                "Expired, and the signature is wrong.",
                bytes(&|it| it.signature[0] ^= 1),
            ),
        ];
        self.out.borrow_mut().extend(out);

        let mut both = self.honest(SEALED);
        both.signer = &self.people.mallory;
        both.plaintext = Box::new(|_| vec![0; 1024]);
        let envelope = both.bytes();
        let what = "Sealed suites: content comes before the signature.";
        self.add(
            "order-content-then-signature",
            what,
            "bad-content",
            &envelope,
        );
        let mut both = self.honest(OPEN);
        both.signer = &self.people.mallory;
        both.plaintext = Box::new(|_| vec![0; 1024]);
        let envelope = both.bytes();
        let what = "Open suites: a contact's signature comes before everything.";
        self.add(
            "order-signature-then-content",
            what,
            "bad-signature",
            &envelope,
        );
    }
}
