//! What may lie beside an envelope in a frame.

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
    pub(super) const fn read(kind: u8, bytes: &'a [u8]) -> Self {
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
}

/// Most bytes of a stamp.
pub(super) const MAX_STAMP: usize = 255;
