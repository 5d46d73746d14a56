//! Messages that say who wrote them, or to whom, or what, and lie.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

#[path = "forgeries/keys.rs"]
mod keys;
#[path = "forgeries/salamander.rs"]
mod salamander;
#[path = "forgeries/senders.rs"]
mod senders;
#[path = "forgeries/slots.rs"]
mod slots;

use wcmp::{KeyPair, Receiver, Suite};
use wcmp_tests::kit::{Forge, Parts, Row, keys, pad, person, receiver};

/// Alice, whom Bob knows and Carol knows; Mallory, who receives what Alice writes, so that she knows its content key.
struct People {
    suite: Suite,
    alice: KeyPair,
    mallory: KeyPair,
    /// Knows Alice.
    bob: Receiver,
    /// Knows Alice and Mallory.
    carol: Receiver,
    /// Knows nobody.
    dave: Receiver,
    /// Mallory's key of the suite's type.
    mallory_receives: KeyPair,
}

impl People {
    fn new(suite: Suite) -> People {
        let (alice, mallory) = (person("alice"), person("mallory"));
        People {
            suite,
            bob: receiver(suite, "bob", &[alice.public()]),
            carol: receiver(suite, "carol", &[alice.public(), mallory.public()]),
            dave: receiver(suite, "dave", &[]),
            mallory_receives: keys(suite.key_type(), "mallory"),
            alice,
            mallory,
        }
    }

    /// Slots for `to` and Mallory. `to` knows the sender.
    fn rows<'a>(&'a self, sender: &'a KeyPair, to: &'a Receiver) -> Vec<Row<'a>> {
        let known = Row::paired(self.suite, sender, to.keys().public());
        vec![known, self.to_mallory()]
    }

    /// Slots for `to` and Mallory. `to` does not know the sender.
    fn stranger_rows<'a>(&'a self, to: &'a Receiver) -> Vec<Row<'a>> {
        let stranger = Row::new(self.suite, to.keys().public());
        vec![stranger, self.to_mallory()]
    }

    fn to_mallory(&self) -> Row<'_> {
        Row::new(self.suite, self.mallory_receives.public())
    }

    /// What Alice writes to Bob, who knows her, and Mallory.
    fn alices_letter(&self) -> Forge<'_> {
        let rows = self.rows(&self.alice, &self.bob);
        Forge::new(self.suite, &self.alice, rows, text("from Alice"))
    }

    /// What Alice writes to Dave, who does not know her, and Mallory.
    fn alices_introduction(&self) -> Forge<'_> {
        let rows = self.stranger_rows(&self.dave);
        Forge::new(self.suite, &self.alice, rows, introducing(&self.alice))
    }
}

/// The plaintext of a message without keys.
fn text(body: &str) -> Vec<u8> {
    pad(&Parts::new(body).encode())
}

/// The plaintext of a message that introduces the owner of `keys`.
fn introducing(keys: &KeyPair) -> Vec<u8> {
    pad(&Parts::new("it is me")
        .introducing(keys.public().as_bytes())
        .encode())
}
