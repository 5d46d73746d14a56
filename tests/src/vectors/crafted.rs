//! Envelopes that no honest builder makes, and what opening them says (8).

mod inside;
mod outside;

use std::cell::RefCell;

use wcmp::{KeyPair, Suite};

use super::Vector;
use super::open::opening;
use crate::kit::{Forge, Parts, Row, pad, person};
use crate::protocol::hex;

const SEALED: Suite = Suite::SealedAes256Gcm;
const OPEN: Suite = Suite::OpenAes256Gcm;

struct People {
    alice: KeyPair,
    bob: KeyPair,
    carol: KeyPair,
    mallory: KeyPair,
}

/// Vectors in which Bob opens; Alice and Carol are his contacts.
struct Crafted {
    out: RefCell<Vec<Vector>>,
    people: People,
}

/// All of them.
pub(super) fn vectors() -> Vec<Vector> {
    let people = People {
        alice: person("alice"),
        bob: person("bob"),
        carol: person("carol"),
        mallory: person("mallory"),
    };
    let all = Crafted {
        out: RefCell::default(),
        people,
    };
    all.signatures();
    all.slots();
    all.encapsulations();
    all.x_wing();
    all.payloads();
    all.contents();
    all.introductions();
    all.replies();
    all.order_of_checks();
    all.out.into_inner()
}

impl Crafted {
    fn add(&self, name: &str, what: &str, expect: &str, envelope: &[u8]) {
        let People {
            alice, bob, carol, ..
        } = &self.people;
        let contacts = [carol.public(), alice.public()];
        let request = opening(&hex(envelope).into(), bob, &contacts);
        let name = format!("open/crafted-{name}");
        self.out
            .borrow_mut()
            .push(Vector::new(&name, what, expect, request));
    }

    /// A message of Alice's to Bob, as it should be.
    fn honest(&self, suite: Suite) -> Forge<'_> {
        let People { alice, bob, .. } = &self.people;
        let row = Row::paired(suite, alice, bob.public());
        Forge::new(suite, alice, vec![row], pad(&Parts::new("hello").encode()))
    }

    /// The same to somebody who does not know her, with this content.
    fn stranger(&self, suite: Suite, parts: &Parts) -> Forge<'_> {
        let People { alice, bob, .. } = &self.people;
        let row = Row::new(suite, bob.public());
        Forge::new(suite, alice, vec![row], pad(&parts.encode()))
    }
}

/// The same residue of Ed25519's order, written as a greater number.
fn plus_order(s: &mut [u8]) {
    let order = "edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010";
    let mut carry = 0;
    for (byte, add) in s.iter_mut().zip(crate::protocol::unhex(order)) {
        let sum = u16::from(*byte) + u16::from(add) + carry;
        carry = sum >> 8;
        [_, *byte] = sum.to_be_bytes();
    }
}
