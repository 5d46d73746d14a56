//! Damage to what everybody sees: signatures, slots, encapsulations, payloads.

use wcmp::suite::{hpke, slot};
use wcmp::{KeyType, Suite};
use wcmp_wire::{Envelope, sha256};

use super::{Crafted, OPEN, People, SEALED, plus_order};
use crate::kit::{CRYPTO, Forge, Hint, Parts, Row, Stage, TestRng, keys, pad};
use crate::protocol::{hex, unhex};
use crate::vectors::Vector;
use crate::vectors::keys::BAD_X25519;
use crate::vectors::open::opening;
use crate::vectors::seal::suite_name;

impl Crafted {
    pub(super) fn signatures(&self) {
        for suite in [OPEN, SEALED] {
            let s = suite_name(suite);
            let envelope = self.honest(suite).bytes();
            let what = "Nothing is wrong with this one.";
            self.add(&format!("honest-{s}"), what, "known", &envelope);

            let other = Forge {
                signer: &self.people.mallory,
                ..self.honest(suite)
            };
            let what = "A contact's hint, signed by somebody else.";
            let envelope = other.bytes();
            self.add(
                &format!("signed-by-another-{s}"),
                what,
                "bad-signature",
                &envelope,
            );

            let flipped = |at: usize, bit: u8| {
                move |stage: Stage, it: &mut Envelope| {
                    if stage == Stage::Signed {
                        it.signature[at] ^= bit;
                    }
                }
            };
            for (at, bit) in [(0, 1), (31, 0x80), (32, 1), (63, 0x20)] {
                let envelope = self.honest(suite).hook(flipped(at, bit)).bytes();
                let what = "A bit of a contact's signature.";
                let name = format!("signature-bit-{at}-{s}");
                self.add(&name, what, "bad-signature", &envelope);
            }
            let envelope = self.stranger(suite, &Parts::new("hello"));
            let envelope = Forge {
                hint_of: self.people.mallory.public(),
                ..envelope
            };
            let envelope = envelope.hook(flipped(0, 1)).bytes();
            let what = "Nobody's signature is not checked.";
            self.add(
                &format!("signature-of-nobody-{s}"),
                what,
                "anonymous",
                &envelope,
            );
        }
        let large_s = |stage: Stage, it: &mut Envelope| {
            if stage == Stage::Signed {
                plus_order(&mut it.signature[32..]);
            }
        };
        let envelope = self.honest(OPEN).hook(large_s).bytes();
        let what = "A contact's signature with S + L instead of S (1.4).";
        self.add("signature-s-plus-order", what, "bad-signature", &envelope);
    }

    pub(super) fn slots(&self) {
        for suite in [OPEN, SEALED] {
            let s = suite_name(suite);
            let mut wrong = self.honest(suite);
            wrong.rows[0].content_key = Some([7; 32]);
            let envelope = wrong.bytes();
            let what = "A slot with a content key that does not fit the commitment.";
            self.add(
                &format!("other-content-key-{s}"),
                what,
                "not-for-me",
                &envelope,
            );

            let hook = |stage: Stage, it: &mut Envelope| {
                if stage == Stage::SealedKeys {
                    it.sealed_keys.iter_mut().for_each(|byte| *byte ^= 1);
                }
            };
            let envelope = self.honest(suite).hook(hook).bytes();
            let what = "Sealed keys that do not open.";
            self.add(
                &format!("sealed-keys-damaged-{s}"),
                what,
                "not-for-me",
                &envelope,
            );

            let hook = |stage: Stage, it: &mut Envelope| {
                if stage == Stage::Body {
                    it.commitment[31] ^= 1;
                }
            };
            let envelope = self.honest(suite).hook(hook).bytes();
            let what = "A commitment to another key, although all else follows from it.";
            self.add(
                &format!("other-commitment-{s}"),
                what,
                "not-for-me",
                &envelope,
            );

            let other = Forge {
                seed: 2,
                ..self.honest(suite)
            };
            let moved = other.build().envelope;
            let hook = move |stage: Stage, it: &mut Envelope| {
                if stage == Stage::SealedKeys {
                    it.encapsulation.clone_from(&moved.encapsulation);
                    it.sealed_keys.clone_from(&moved.sealed_keys);
                }
            };
            let envelope = self.honest(suite).hook(hook).bytes();
            let what = "Slots and encapsulation of another envelope.";
            self.add(&format!("moved-slots-{s}"), what, "not-for-me", &envelope);
        }
        let what = "A contact's hint over a slot that does not open; the signature comes first.";
        let mut wrong = self.honest(OPEN);
        wrong.rows[0].content_key = Some([7; 32]);
        wrong.signer = &self.people.mallory;
        let envelope = wrong.bytes();
        self.add("signature-before-slot", what, "bad-signature", &envelope);

        // Step 4: the next match, where the first one does not open.
        let People {
            alice, bob, carol, ..
        } = &self.people;
        let row = |hint, content_key| Row {
            to: bob.public(),
            hint,
            content_key,
        };
        let text = pad(&Parts::new("hello").encode());
        let two = |rows| Forge::new(SEALED, alice, rows, text.clone()).bytes();
        let next = two(vec![
            row(Hint::Pair(carol), Some([7; 32])),
            row(Hint::Pair(alice), None),
        ]);
        let stranger = two(vec![
            row(Hint::Pair(carol), Some([7; 32])),
            row(Hint::Stranger, None),
        ]);
        let first = two(vec![
            row(Hint::Pair(carol), None),
            row(Hint::Pair(alice), None),
        ]);
        let what =
            "Two contacts' hints; the first one's slot does not open, the second one's does.";
        self.add("next-match", what, "known", &next);
        let what = "A contact's hint whose slot does not open; the stranger's does.";
        self.add("next-match-stranger", what, "anonymous", &stranger);
        let what = "Two contacts' hints; the first one's slot opens, the second one signed.";
        self.add("first-match-counts", what, "bad-signature", &first);
    }

    pub(super) fn encapsulations(&self) {
        for (name, what, key) in [
            ("zero", "An encapsulation of small order.", [0; 32]),
            ("order-8", "An encapsulation of small order.", {
                let point = BAD_X25519[2].1;
                unhex(point).try_into().unwrap()
            }),
        ] {
            for suite in [OPEN, SEALED] {
                let hook = move |stage: Stage, it: &mut Envelope| {
                    if stage == Stage::Body {
                        it.encapsulation = key.to_vec();
                    }
                };
                let envelope = self.honest(suite).hook(hook).bytes();
                let name = format!("encapsulation-{name}-{}", suite_name(suite));
                self.add(&name, what, "not-for-me", &envelope);
            }
        }
        // kem_context holds the bytes as they stand, bit 255 included.
        let secret = sha256(&[b"an ephemeral key"]);
        let secret = CRYPTO.x25519.secret(&secret);
        let mut enc = secret.public();
        enc[31] |= 0x80;
        let forge = self.honest(OPEN);
        let content_key = TestRng::new(forge.seed).array::<32>();
        let bob = self.people.bob.public();
        let sealed = |it: &Envelope| {
            let core = it.core(sha256, &it.body(sha256));
            let kem = bob.kem().try_into().unwrap();
            let shared = hpke::dhkem_encap(&CRYPTO, &*secret, &enc, kem).unwrap();
            slot::seal(&CRYPTO, OPEN, &shared, &core.0, bob.key_id(), &content_key).unwrap()
        };
        let hook = |stage: Stage, it: &mut Envelope| match stage {
            Stage::Body => it.encapsulation = enc.to_vec(),
            Stage::SealedKeys => it.sealed_keys = sealed(it).repeat(4),
            _ => {}
        };
        let envelope = forge.hook(hook).bytes();
        let what = "An encapsulation with bit 255 set, which X25519 ignores and HPKE does not.";
        self.add("encapsulation-bit-255", what, "known", &envelope);
    }

    pub(super) fn x_wing(&self) {
        let alice = keys(KeyType::XWing, "alice");
        let bob = keys(KeyType::XWing, "bob");
        let suite = Suite::OpenXWing;
        let row = Row::new(suite, bob.public());
        let text = pad(&Parts::new("hello").encode());
        for (name, what, from, to) in [
            (
                "ct-x-of-small-order",
                "X-Wing ciphertexts with ct_X = 0.",
                1088,
                1120,
            ),
            (
                "ct-m-damaged",
                "X-Wing ciphertexts whose ML-KEM part is damaged.",
                0,
                1,
            ),
            ("tag-damaged", "Slots whose tags are damaged.", 1152, 1153),
        ] {
            let forge = Forge::new(suite, &alice, vec![row], text.clone());
            let hook = move |stage: Stage, it: &mut Envelope| {
                if stage == Stage::SealedKeys {
                    for slot in it.sealed_keys.chunks_mut(1168) {
                        if to - from == 1 {
                            slot[from] ^= 1;
                        } else {
                            slot[from..to].fill(0);
                        }
                    }
                }
            };
            let envelope = hex(&forge.hook(hook).bytes()).into();
            let request = opening(&envelope, &bob, &[alice.public()]);
            let name = format!("open/crafted-x-wing-{name}");
            self.out
                .borrow_mut()
                .push(Vector::new(&name, what, "not-for-me", request));
        }
    }

    pub(super) fn payloads(&self) {
        for suite in [OPEN, Suite::OpenChaCha20Poly1305, SEALED] {
            for (name, what, at) in [
                (
                    "first-byte",
                    "The payload's first byte is changed, all else follows it.",
                    0,
                ),
                (
                    "tag",
                    "The payload's tag is changed, all else follows it.",
                    1039,
                ),
            ] {
                let hook = move |stage: Stage, it: &mut Envelope| {
                    if stage == Stage::Body {
                        it.payload[at] ^= 1;
                    }
                };
                let envelope = self.honest(suite).hook(hook).bytes();
                let name = format!("payload-{name}-{}", suite_name(suite));
                self.add(&name, what, "bad-payload", &envelope);
            }
        }
    }
}
