//! Slots where they do not belong.

use wcmp::Suite;
use wcmp_tests::kit::{Forge, Row, code, sign};
use wcmp_wire::Envelope;

use super::{People, text};

/// Sorts the rows of an envelope by hint, as everybody can.
fn sort_rows(envelope: &mut Envelope) {
    let slot_len = envelope.sealed_keys.len() / envelope.hints.len();
    let keys = envelope.sealed_keys.chunks(slot_len);
    let mut rows: Vec<([u8; 16], Vec<u8>)> = envelope
        .hints
        .iter()
        .copied()
        .zip(keys.map(<[u8]>::to_vec))
        .collect();
    rows.sort();
    envelope.hints = rows.iter().map(|row| row.0).collect();
    envelope.sealed_keys = rows.into_iter().flat_map(|row| row.1).collect();
}

/// A slot opens in the one envelope that it was made for. Mallory, who receives both envelopes, moves Bob's hint, his
/// sealed key, what they depend on, or all of it into the other one; she signs as nobody, so no signature protects
/// him.
#[test]
fn slots_moved_from_another_envelope() {
    for suite in Suite::ALL {
        let people = People::new(suite);
        let anonymous = |seed, to_bob: bool| {
            let mut rows = people.stranger_rows(&people.bob);
            rows.drain(..usize::from(!to_bob));
            let forge = Forge::new(suite, &people.mallory, rows, text("which of the two?"));
            Forge { seed, ..forge }.build()
        };
        let from = anonymous(2, true);
        assert_eq!(code(&from.bytes(), &people.bob), "opened");
        let slot = wcmp_tests::kit::open(&from.bytes(), &people.bob)
            .unwrap()
            .slot;
        let slot_len = suite.slot_len();
        let bobs_key = &from.envelope.sealed_keys[slot * slot_len..][..slot_len];

        // Into an envelope of which he is a receiver, and into one of which he is not.
        for to_bob in [true, false] {
            let to = anonymous(3, to_bob);
            assert_eq!(
                code(&to.bytes(), &people.bob),
                ["not-for-me", "opened"][usize::from(to_bob)]
            );
            let place = match to_bob {
                true => {
                    wcmp_tests::kit::open(&to.bytes(), &people.bob)
                        .unwrap()
                        .slot
                }
                false => 0,
            };
            for parts in 1..16u8 {
                let part = |n: u8| parts & 1 << n != 0;
                let mut forged = to.clone();
                let envelope = &mut forged.envelope;
                if part(0) {
                    envelope.hints[place] = from.envelope.hints[slot];
                }
                if part(1) {
                    envelope.sealed_keys[place * slot_len..][..slot_len].copy_from_slice(bobs_key);
                }
                if part(2) {
                    envelope.recipient_nonce = from.envelope.recipient_nonce;
                }
                if part(3) {
                    envelope
                        .encapsulation
                        .clone_from(&from.envelope.encapsulation);
                }
                // With X-Wing there is no shared encapsulation: nothing was moved.
                if *envelope == to.envelope {
                    continue;
                }
                sort_rows(envelope);
                sign(envelope, suite, &to.content_key, &people.mallory);
                let code = code(&forged.bytes(), &people.bob);
                assert_eq!(code, "not-for-me", "{suite:?}, {to_bob}, parts {parts:04b}");
            }
        }
    }
}

/// Within one envelope: Bob's sealed key under another hint, another's under his.
#[test]
fn slots_exchanged() {
    for suite in Suite::ALL {
        let people = People::new(suite);
        let mut forged = people.alices_letter().build();
        let slot = wcmp_tests::kit::open(&forged.bytes(), &people.bob)
            .unwrap()
            .slot;
        let slot_len = suite.slot_len();
        forged.envelope.sealed_keys.rotate_left(slot_len);
        sign(
            &mut forged.envelope,
            suite,
            &forged.content_key,
            &people.alice,
        );
        assert_eq!(
            code(&forged.bytes(), &people.bob),
            "not-for-me",
            "{suite:?}"
        );
        forged.envelope.sealed_keys.rotate_right(slot_len);
        forged.envelope.hints.remove(slot);
        forged.envelope.hints.push([255; 16]);
        sign(
            &mut forged.envelope,
            suite,
            &forged.content_key,
            &people.alice,
        );
        assert_eq!(
            code(&forged.bytes(), &people.bob),
            "not-for-me",
            "{suite:?}"
        );
    }
}

/// A slot with another content key than the envelope commits to counts as none.
#[test]
fn slot_with_another_content_key() {
    for suite in Suite::ALL {
        let people = People::new(suite);
        let row = Row {
            content_key: Some([9; 32]),
            ..Row::paired(suite, &people.alice, people.bob.keys().public())
        };
        let forge = Forge::new(suite, &people.alice, vec![row], text("for whom?"));
        assert_eq!(code(&forge.bytes(), &people.bob), "not-for-me", "{suite:?}");
    }
}
