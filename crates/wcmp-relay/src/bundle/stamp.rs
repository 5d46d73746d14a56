//! What may lie beside an envelope in a frame.

use wcmp_wire::{Id, sha256};

/// A label beside an envelope, not part of it: anybody can put one on other people's envelopes (spec 9.4).
///
/// Bundles carry stamps of every kind; what a kind is worth is no matter of theirs.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Stamp<'a> {
    kind: u8,
    bytes: &'a [u8],
}

impl<'a> Stamp<'a> {
    /// No stamp: kind 0, no bytes.
    pub const NONE: Stamp<'static> = Stamp {
        kind: 0,
        bytes: &[],
    };

    /// A stamp of this kind. `None` if `bytes` are more than 255, or are some although the kind is 0.
    ///
    /// ```
    /// use wcmp_relay::bundle::Stamp;
    ///
    /// assert!(Stamp::new(1, &[0; 8]).is_some());
    /// assert!(Stamp::new(1, &[0; 256]).is_none());
    /// assert_eq!(Stamp::new(0, &[]), Some(Stamp::NONE));
    /// assert!(Stamp::new(0, &[1]).is_none());
    /// ```
    #[must_use]
    pub const fn new(kind: u8, bytes: &'a [u8]) -> Option<Self> {
        if bytes.len() > MAX_STAMP || (kind == 0 && !bytes.is_empty()) {
            None
        } else {
            Some(Self { kind, bytes })
        }
    }

    /// As it stands in a frame: of kind 0 it may have bytes, which nobody should write.
    pub(crate) const fn read(kind: u8, bytes: &'a [u8]) -> Self {
        Self { kind, bytes }
    }

    /// What sort of stamp it is; 0 for none.
    #[must_use]
    pub const fn kind(&self) -> u8 {
        self.kind
    }

    /// The stamp itself, at most 255 bytes. A frame read may hold some even for kind 0; they mean nothing.
    #[must_use]
    pub const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Whether the kind is 0.
    #[must_use]
    pub const fn is_none(&self) -> bool {
        self.kind == 0
    }

    /// How many hashes the stamp has cost on average, if it was made for the envelope of this id (spec 9.4). 0 for no
    /// stamp and for every one that is not of kind 1 with 8 bytes.
    #[must_use]
    pub fn effort(&self, id: &Id) -> u64 {
        self.nonce().map_or(0, |nonce| effort(id, nonce))
    }

    /// The nonce of a stamp of kind 1; `None` for all that have no effort by their form.
    #[must_use]
    pub fn nonce(&self) -> Option<[u8; 8]> {
        let nonce = (self.kind == WORK).then_some(self.bytes)?;
        nonce.try_into().ok()
    }

    /// A stamp of kind 1 with this nonce.
    #[must_use]
    pub const fn work(nonce: &'a [u8; 8]) -> Self {
        Self {
            kind: WORK,
            bytes: nonce,
        }
    }
}

/// The kind of stamps that show work.
const WORK: u8 = 1;

/// floor((2^64 - 1) / (v + 1)), v being the first 8 bytes of the hash of id and nonce.
fn effort(id: &Id, nonce: [u8; 8]) -> u64 {
    let [
        v @ ..,
        _,
        _,
        _,
        _,
        _,
        _,
        _,
        _,
        _,
        _,
        _,
        _,
        _,
        _,
        _,
        _,
        _,
        _,
        _,
        _,
        _,
        _,
        _,
        _,
    ] = sha256(&[b"WCMP v1 stamp", &id.0, &nonce]);
    // v + 1 needs 65 bits where v is greatest: there the quotient is 0.
    let divisor = u64::from_be_bytes(v).checked_add(1);
    divisor.map_or(0, |divisor| u64::MAX / divisor)
}

/// Most bytes of a stamp.
pub(super) const MAX_STAMP: usize = 255;
