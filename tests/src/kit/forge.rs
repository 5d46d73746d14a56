//! A builder of envelopes that follows spec 7 as long as nobody tells it not to.

use wcmp::suite::slot::{self, Ephemeral};
use wcmp::suite::{Form, kdf, stranger_hint};
use wcmp::{KeyPair, KeyType, PublicKey, Suite};
use wcmp_wire::{Envelope, PREFIX_LEN, sha256};
use zeroize::Zeroizing;

use super::{CRYPTO, NOW, TestRng};

/// The hint of one row (spec 6.3).
#[derive(Clone, Copy, Debug)]
pub enum Hint<'a> {
    /// That of an open suite.
    Receiver,
    /// The pair hint of this key pair with the receiver.
    Pair(&'a KeyPair),
    /// The stranger hint.
    Stranger,
    /// These bytes.
    Raw([u8; 16]),
}

/// One row: a slot for `to`.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    /// Whom the sealed key is for.
    pub to: &'a PublicKey,
    /// How they are to find it.
    pub hint: Hint<'a>,
    /// What is in the slot, if not the envelope's content key.
    pub content_key: Option<[u8; 32]>,
}

impl<'a> Row<'a> {
    /// An honest row for somebody who does not hold the sender's key.
    #[must_use]
    pub fn new(suite: Suite, to: &'a PublicKey) -> Row<'a> {
        let hint = match suite.form() {
            Form::Open => Hint::Receiver,
            Form::Sealed => Hint::Stranger,
        };
        Row {
            to,
            hint,
            content_key: None,
        }
    }

    /// An honest row for a contact of `sender`.
    #[must_use]
    pub fn paired(suite: Suite, sender: &'a KeyPair, to: &'a PublicKey) -> Row<'a> {
        let row = Row::new(suite, to);
        match suite.form() {
            Form::Open => row,
            Form::Sealed => Row {
                hint: Hint::Pair(sender),
                ..row
            },
        }
    }
}

/// A moment of the building at which a hook may change the envelope. Everything that is computed later follows the
/// change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Nonces, sender hint and hour are there.
    Prefix,
    /// Commitment, payload, receiver nonce and encapsulation are there.
    Body,
    /// The hints are there, sorted.
    Hints,
    /// The sealed keys are there.
    SealedKeys,
    /// Everything is there.
    Signed,
}

/// Makes a plaintext for a prefix.
pub type Plaintext<'a> = Box<dyn Fn(&[u8; PREFIX_LEN]) -> Vec<u8> + 'a>;

/// Changes an envelope that is being built.
pub type Hook<'a> = Box<dyn Fn(Stage, &mut Envelope) + 'a>;

/// What is to be built. Each part can be set to anything.
pub struct Forge<'a> {
    /// The suite, whose algorithms are used.
    pub suite: Suite,
    /// The hour of expiry.
    pub expires: u32,
    /// Of everything random.
    pub seed: u64,
    /// Signs.
    pub signer: &'a KeyPair,
    /// Whose sender hint it has, in open suites.
    pub hint_of: &'a PublicKey,
    /// The rows that are not dummies.
    pub rows: Vec<Row<'a>>,
    /// How many rows there are, with dummies.
    pub slots: usize,
    /// The plaintext of the payload, which may depend on the prefix.
    pub plaintext: Plaintext<'a>,
    /// Is called at every [`Stage`].
    pub hook: Hook<'a>,
}

impl core::fmt::Debug for Forge<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Forge({:?}, ..)", self.suite)
    }
}

/// What was built, with what its maker knows.
#[derive(Clone, Debug)]
pub struct Forged {
    /// The envelope.
    pub envelope: Envelope,
    /// Its content key, which every receiver knows too.
    pub content_key: [u8; 32],
}

impl Forged {
    /// The bytes of the envelope.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        self.envelope.encode().unwrap()
    }
}

impl<'a> Forge<'a> {
    /// An honest message with four slots.
    #[must_use]
    pub fn new(suite: Suite, signer: &'a KeyPair, rows: Vec<Row<'a>>, plaintext: Vec<u8>) -> Self {
        Forge {
            suite,
            expires: NOW + 24,
            seed: 1,
            signer,
            hint_of: signer.public(),
            rows,
            slots: 4,
            plaintext: Box::new(move |_| plaintext.clone()),
            hook: Box::new(|_, _| {}),
        }
    }

    /// The same with a hook.
    #[must_use]
    pub fn hook(self, hook: impl Fn(Stage, &mut Envelope) + 'a) -> Self {
        Forge {
            hook: Box::new(hook),
            ..self
        }
    }

    /// The bytes of the envelope.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        self.build().bytes()
    }

    /// Spec 7.3.
    #[must_use]
    pub fn build(&self) -> Forged {
        let mut rng = TestRng::new(self.seed);
        let content_key = rng.array();
        let sender_nonce = rng.array();
        let mut envelope = Envelope {
            suite: self.suite.id().0,
            sender_nonce,
            sender_hint: match self.suite.form() {
                Form::Open => self
                    .hint_of
                    .hint_key()
                    .sender_hint(self.suite, &sender_nonce),
                Form::Sealed => rng.array(),
            },
            expires: self.expires,
            commitment: [0; 32],
            payload: Vec::new(),
            recipient_nonce: rng.array(),
            encapsulation: Vec::new(),
            hints: Vec::new(),
            sealed_keys: Vec::new(),
            signature: Vec::new(),
        };
        (self.hook)(Stage::Prefix, &mut envelope);

        let prefix = envelope.prefix();
        let keys = schedule(&content_key, &prefix);
        envelope.commitment = keys.commitment;
        envelope.payload = (self.plaintext)(&prefix);
        let aad = [&prefix[..], &keys.commitment].concat();
        let aead = self.suite.aead();
        let sealed = CRYPTO.aead.seal(
            aead,
            &keys.payload_key,
            &[0; 12],
            &aad,
            &mut envelope.payload,
        );
        envelope.payload.extend(sealed.unwrap());
        let ephemeral = Ephemeral::new(&CRYPTO, Zeroizing::new(rng.array()));
        if self.suite.key_type() == KeyType::X25519 {
            envelope.encapsulation = ephemeral.public().to_vec();
        }
        (self.hook)(Stage::Body, &mut envelope);

        let body = envelope.body(sha256).0;
        let mut rows: Vec<([u8; 16], Option<&Row<'_>>)> = self
            .rows
            .iter()
            .map(|row| (self.hint(row, &ephemeral, &envelope, &body), Some(row)))
            .collect();
        rows.resize_with(self.slots, || (rng.array(), None));
        rows.sort_by_key(|row| row.0);
        envelope.hints = rows.iter().map(|row| row.0).collect();
        (self.hook)(Stage::Hints, &mut envelope);

        let core = envelope.core(sha256, &wcmp_wire::Body(body)).0;
        for (_, row) in rows {
            let slot = self.sealed_key(row, &ephemeral, &core, &content_key, &mut rng);
            envelope.sealed_keys.extend(slot);
        }
        (self.hook)(Stage::SealedKeys, &mut envelope);

        sign(&mut envelope, self.suite, &content_key, self.signer);
        (self.hook)(Stage::Signed, &mut envelope);
        Forged {
            envelope,
            content_key,
        }
    }

    fn hint(
        &self,
        row: &Row<'_>,
        ephemeral: &Ephemeral,
        envelope: &Envelope,
        body: &[u8; 32],
    ) -> [u8; 16] {
        match row.hint {
            Hint::Raw(hint) => hint,
            Hint::Receiver => {
                let nonce = &envelope.recipient_nonce;
                row.to.hint_key().receiver_hint(self.suite, nonce)
            }
            Hint::Pair(sender) => {
                let pair = sender.pair_key(&CRYPTO, row.to).unwrap();
                let key = pair.hint_key(&CRYPTO, self.suite, sender.public(), row.to);
                key.hint(body)
            }
            Hint::Stranger => {
                let shared = ephemeral.encapsulate(&CRYPTO, row.to).unwrap();
                stranger_hint(&CRYPTO, self.suite, &shared, row.to.key_id(), body)
            }
        }
    }

    fn sealed_key(
        &self,
        row: Option<&Row<'_>>,
        ephemeral: &Ephemeral,
        core: &[u8; 32],
        content_key: &[u8; 32],
        rng: &mut TestRng,
    ) -> Vec<u8> {
        let suite = self.suite;
        let inside = row.and_then(|row| row.content_key.as_ref());
        let inside = inside.unwrap_or(content_key);
        match (suite.key_type(), row) {
            (KeyType::X25519, None) => rng.array::<48>().to_vec(),
            (KeyType::X25519, Some(row)) => {
                let shared = ephemeral.encapsulate(&CRYPTO, row.to).unwrap();
                slot::seal(&CRYPTO, suite, &shared, core, row.to.key_id(), inside)
                    .unwrap()
                    .to_vec()
            }
            (KeyType::XWing, None) => {
                let nobody = KeyPair::from_seed(&CRYPTO, KeyType::XWing, &rng.array()).unwrap();
                let public = nobody.public();
                slot::seal_xwing(&CRYPTO, suite, public, &rng.array(), core, inside)
                    .unwrap()
                    .to_vec()
            }
            (KeyType::XWing, Some(row)) => {
                slot::seal_xwing(&CRYPTO, suite, row.to, &rng.array(), core, inside)
                    .unwrap()
                    .to_vec()
            }
        }
    }
}

/// What follows from a content key and a prefix (spec 6.1).
#[derive(Debug)]
pub struct Schedule {
    /// Encrypts the payload.
    pub payload_key: [u8; 32],
    /// Stands in the envelope.
    pub commitment: [u8; 32],
    /// Hides the signature of sealed suites.
    pub mask: [u8; 64],
}

/// Spec 6.1.
#[must_use]
pub fn schedule(content_key: &[u8; 32], prefix: &[u8; PREFIX_LEN]) -> Schedule {
    let prk = kdf::extract(&CRYPTO, b"WCMP v1 content key", &[content_key]);
    let hp = sha256(&[prefix]);
    Schedule {
        payload_key: *kdf::expand(&CRYPTO, &*prk, &[b"payload", &hp]),
        commitment: *kdf::expand(&CRYPTO, &*prk, &[b"commitment", &hp]),
        mask: *kdf::expand(&CRYPTO, &*prk, &[b"signature", &hp]),
    }
}

/// Puts `signer`'s signature into an envelope (spec 6.4), as everybody can who knows the content key.
pub fn sign(envelope: &mut Envelope, suite: Suite, content_key: &[u8; 32], signer: &KeyPair) {
    let core = envelope.core(sha256, &envelope.body(sha256));
    let digest = envelope.digest(sha256, &core);
    let message = [&b"WCMP v1 envelope signature"[..], &digest.0].concat();
    envelope.signature = signer.sign(&CRYPTO, &message).to_vec();
    if suite.form() == Form::Sealed {
        let keys = schedule(content_key, &envelope.prefix());
        for (byte, mask) in envelope.signature.iter_mut().zip(keys.mask) {
            *byte ^= mask;
        }
    }
}

/// The signature that goes with a reply key (spec 5.3): `signer` signs that `reply` is offered by `sender` under
/// `prefix`.
#[must_use]
pub fn reply_signature(
    signer: &KeyPair,
    sender: Option<&PublicKey>,
    prefix: &[u8; PREFIX_LEN],
    reply: &PublicKey,
) -> [u8; 64] {
    let sender = sender.map_or(&[0; 32], PublicKey::key_id);
    let message = [&b"WCMP v1 reply key"[..], sender, prefix, reply.key_id()].concat();
    signer.sign(&CRYPTO, &message)
}
