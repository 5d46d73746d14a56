//! A link that shows a listener neither ids nor lengths: Noise with a secret that two nodes paired in person.
//!
//! The protocol is `Noise_NNpsk0_25519_ChaChaPoly_SHA256` (Noise revision 34) with an empty prologue and empty payloads:
//! 48 bytes from whoever connects, 48 bytes back, then records of 1024 bytes each way (docs/spec/exchange.md 5):
//!
//! ```text
//! record = AEAD of (u16 n || n bytes || zeros), 1008 bytes, and its tag of 16;   n <= 1006
//! ```
//!
//! Records have one length and the handshake another, so a listener sees that two machines talk, when, and how many KiB
//! go each way; nothing else, also if he learns the secret later. Somebody without the secret gets no answer at all.
//! Who has the secret can be the other side: it is for one pair, or for a group that trusts each other with its links.
//!
//! No sockets here: bytes in, bytes out, and the entropy of the handshake is an argument.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

use snow::params::{CipherChoice, DHChoice, HashChoice};
use snow::resolvers::{CryptoResolver, DefaultResolver};
use snow::types::{Cipher, Dh, Hash, Random};
use snow::{Builder, HandshakeState, TransportState};
use zeroize::Zeroizing;

const PROTOCOL: &str = "Noise_NNpsk0_25519_ChaChaPoly_SHA256";

/// Bytes of either message of the handshake.
pub const HANDSHAKE_LEN: usize = 48;

/// Bytes of a record.
pub const RECORD_LEN: usize = 1024;

const TAG: usize = 16;
const PLAIN: usize = RECORD_LEN - TAG;
/// Most bytes that one record carries.
const CARRIED: usize = PLAIN - 2;

/// What two nodes share: 32 random bytes, for their links alone.
pub struct Secret(Zeroizing<[u8; 32]>);

impl Secret {
    /// These bytes, which should be copied nowhere else.
    #[must_use]
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// What came is not from somebody with the secret, or was changed on its way. The link is to be closed without a word.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Broken;

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("another secret, or a damaged link")
    }
}

impl core::error::Error for Broken {}

impl From<snow::Error> for Broken {
    fn from(_: snow::Error) -> Self {
        Self
    }
}

/// One end of a link.
///
/// ```
/// use wcmp_relay::exchange::noise::{Link, Secret};
///
/// let secret = || Secret::new([7; 32]);
/// let mut caller = Link::connect(&secret(), [1; 32])?; // entropy
/// let mut called = Link::accept(&secret(), [2; 32])?;
/// let (mut wire, mut plain) = (Vec::new(), Vec::new());
/// caller.seal(b"", &mut wire)?;
/// called.open(&wire, &mut plain)?;
/// wire.clear();
/// called.seal(b"hello", &mut wire)?; // the handshake's answer, and a record
/// caller.open(&wire, &mut plain)?;
/// assert_eq!(plain, b"hello");
/// # Ok::<(), wcmp_relay::exchange::noise::Broken>(())
/// ```
pub struct Link {
    state: State,
    /// Bytes of an incomplete message.
    inbox: Vec<u8>,
    /// Our part of the handshake, until it is fetched.
    outbox: Vec<u8>,
}

enum State {
    Handshake(Box<HandshakeState>),
    Open(Box<TransportState>),
    Broken,
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.state {
            State::Handshake(_) => "Link(handshake)",
            State::Open(_) => "Link(open)",
            State::Broken => "Link(broken)",
        })
    }
}

impl Link {
    /// The end that begins. The entropy is drawn for this link alone, and secret.
    ///
    /// # Errors
    /// Does not fail with the cipher suite that is compiled in.
    pub fn connect(secret: &Secret, entropy: [u8; 32]) -> Result<Self, Broken> {
        let mut state = builder(secret, entropy)?.build_initiator()?;
        let outbox = say(&mut state)?;
        Ok(Self {
            state: State::Handshake(Box::new(state)),
            inbox: Vec::new(),
            outbox,
        })
    }

    /// The end that waits. The entropy is drawn for this link alone, and secret.
    ///
    /// # Errors
    /// Does not fail with the cipher suite that is compiled in.
    pub fn accept(secret: &Secret, entropy: [u8; 32]) -> Result<Self, Broken> {
        let state = builder(secret, entropy)?.build_responder()?;
        Ok(Self {
            state: State::Handshake(Box::new(state)),
            inbox: Vec::new(),
            outbox: Vec::new(),
        })
    }

    /// Whether the handshake is through, and bytes can be sent.
    ///
    /// Whoever accepts knows that the other end is there, and not a recording of it, when its first record comes.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        matches!(self.state, State::Open(_))
    }

    /// Takes what came, and appends what it carried.
    ///
    /// # Errors
    /// [`Broken`], also for everything after.
    pub fn open(&mut self, wire: &[u8], plain: &mut Vec<u8>) -> Result<(), Broken> {
        self.inbox.extend_from_slice(wire);
        let mut at = 0;
        loop {
            let rest = self.inbox.get(at..).unwrap_or_default();
            let taken = match &mut self.state {
                State::Broken => return Err(Broken),
                State::Open(state) => match rest.split_first_chunk::<RECORD_LEN>() {
                    Some((record, _)) => read_record(state, record, plain).map(|()| RECORD_LEN),
                    None => break,
                },
                State::Handshake(state) => match rest.split_first_chunk::<HANDSHAKE_LEN>() {
                    Some((message, _)) => {
                        hear(state, message, &mut self.outbox).map(|()| HANDSHAKE_LEN)
                    }
                    None => break,
                },
            };
            let Ok(taken) = taken else {
                self.state = State::Broken;
                return Err(Broken);
            };
            at += taken;
            self.pass_handshake()?;
        }
        self.inbox.drain(..at);
        Ok(())
    }

    /// Appends what is to be sent: our part of the handshake if it is due, and `plain` in records, which have to wait
    /// until the link [is open](Link::is_open).
    ///
    /// # Errors
    /// [`Broken`] if the link is, or if there is something in `plain` and the link is not open.
    pub fn seal(&mut self, plain: &[u8], wire: &mut Vec<u8>) -> Result<(), Broken> {
        wire.append(&mut self.outbox);
        if plain.is_empty() {
            return Ok(());
        }
        let State::Open(state) = &mut self.state else {
            return Err(Broken);
        };
        for piece in plain.chunks(CARRIED) {
            let mut record = Vec::with_capacity(RECORD_LEN);
            record.extend(u16::try_from(piece.len()).unwrap_or(0).to_be_bytes());
            record.extend_from_slice(piece);
            record.resize(PLAIN, 0);
            let mut sealed = [0; RECORD_LEN];
            state.write_message(&record, &mut sealed)?;
            wire.extend_from_slice(&sealed);
        }
        Ok(())
    }

    fn pass_handshake(&mut self) -> Result<(), Broken> {
        if !matches!(&self.state, State::Handshake(state) if state.is_handshake_finished()) {
            return Ok(());
        }
        if let State::Handshake(state) = core::mem::replace(&mut self.state, State::Broken) {
            self.state = State::Open(Box::new(state.into_transport_mode()?));
        }
        Ok(())
    }
}

fn say(state: &mut HandshakeState) -> Result<Vec<u8>, Broken> {
    let mut message = alloc::vec![0; HANDSHAKE_LEN];
    let len = state.write_message(&[], &mut message)?;
    message.truncate(len);
    Ok(message)
}

fn hear(
    state: &mut HandshakeState,
    message: &[u8; HANDSHAKE_LEN],
    outbox: &mut Vec<u8>,
) -> Result<(), Broken> {
    state.read_message(message, &mut [0; HANDSHAKE_LEN])?;
    if !state.is_handshake_finished() {
        outbox.extend(say(state)?);
    }
    Ok(())
}

fn read_record(
    state: &mut TransportState,
    record: &[u8; RECORD_LEN],
    plain: &mut Vec<u8>,
) -> Result<(), Broken> {
    let mut opened = [0; RECORD_LEN];
    let len = state.read_message(record, &mut opened)?;
    let (&carried, rest) = opened
        .get(..len)
        .and_then(<[u8]>::split_first_chunk)
        .ok_or(Broken)?;
    let carried = usize::from(u16::from_be_bytes(carried));
    plain.extend_from_slice(rest.get(..carried).ok_or(Broken)?);
    Ok(())
}

fn builder(secret: &Secret, entropy: [u8; 32]) -> Result<Builder<'_>, Broken> {
    let resolver = Given(Zeroizing::new(entropy));
    let params = PROTOCOL.parse().map_err(Broken::from)?;
    Ok(Builder::with_resolver(params, Box::new(resolver)).psk(0, &secret.0)?)
}

/// snow's own primitives, but for randomness: that is an argument.
struct Given(Zeroizing<[u8; 32]>);

impl CryptoResolver for Given {
    fn resolve_rng(&self) -> Option<Box<dyn Random>> {
        Some(Box::new(Once(Some(self.0.clone()))))
    }

    fn resolve_dh(&self, choice: &DHChoice) -> Option<Box<dyn Dh>> {
        DefaultResolver.resolve_dh(choice)
    }

    fn resolve_hash(&self, choice: &HashChoice) -> Option<Box<dyn Hash>> {
        DefaultResolver.resolve_hash(choice)
    }

    fn resolve_cipher(&self, choice: &CipherChoice) -> Option<Box<dyn Cipher>> {
        DefaultResolver.resolve_cipher(choice)
    }
}

/// Random bytes for the one ephemeral key of this pattern; a second one would be the same, so there is none.
struct Once(Option<Zeroizing<[u8; 32]>>);

impl Random for Once {
    fn try_fill_bytes(&mut self, dest: &mut [u8]) -> Result<(), snow::Error> {
        let bytes = self.0.take().ok_or(snow::Error::Rng)?;
        let bytes = bytes.get(..dest.len()).ok_or(snow::Error::Rng)?;
        dest.copy_from_slice(bytes);
        Ok(())
    }
}
