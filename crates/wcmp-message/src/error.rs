//! What can go wrong, by who is to blame: [`OpenError`] is about bytes from
//! outside, [`SealError`] about how the builder was used.

use core::fmt;

use wcmp_suite::{CryptoError, KeyError, UnknownId};
use wcmp_wire::ParseError;

/// Why an envelope was not opened (spec 8, codes of spec 12). Never shown to the
/// user of a messenger, only counted; none stops a scan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OpenError {
    /// Not an envelope (spec 4.1).
    Structure(ParseError),
    /// The suite is not known here (spec 4.2).
    Suite(UnknownId),
    /// A length does not fit the suite (spec 4.2).
    Malformed,
    /// `now` is past the hour of expiry.
    Expired,
    /// No slot that was recognised opens with this key.
    NotForMe,
    /// The signature of a known or introduced sender does not verify.
    BadSignature,
    /// The payload does not authenticate.
    BadPayload,
    /// The padding or the content's encoding is wrong, or an extension that must
    /// be understood is not.
    BadContent,
    /// The introduction is no valid key, or not the sender's.
    BadIntroduction,
    /// The reply key is no valid key, or does not sign for itself (spec 5.3).
    BadReply,
}

impl OpenError {
    /// The code of spec 12.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            OpenError::Structure(error) => error.code(),
            OpenError::Suite(_) => "suite",
            OpenError::Malformed => "malformed",
            OpenError::Expired => "expired",
            OpenError::NotForMe => "not-for-me",
            OpenError::BadSignature => "bad-signature",
            OpenError::BadPayload => "bad-payload",
            OpenError::BadContent => "bad-content",
            OpenError::BadIntroduction => "bad-introduction",
            OpenError::BadReply => "bad-reply",
        }
    }
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OpenError::Structure(error) => error.fmt(f),
            OpenError::Suite(UnknownId(id)) => write!(f, "suite {id:#06x} is not known"),
            OpenError::Malformed => f.write_str("a length does not fit the suite"),
            OpenError::Expired => f.write_str("the envelope has expired"),
            OpenError::NotForMe => f.write_str("the envelope is not addressed to this key"),
            OpenError::BadSignature => f.write_str("the sender's signature does not verify"),
            OpenError::BadPayload => f.write_str("the payload does not authenticate"),
            OpenError::BadContent => f.write_str("the content is not encoded as it must be"),
            OpenError::BadIntroduction => f.write_str("the introduction is not the sender's key"),
            OpenError::BadReply => f.write_str("the reply key does not sign for itself"),
        }
    }
}

impl core::error::Error for OpenError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            OpenError::Structure(error) => Some(error),
            OpenError::Suite(error) => Some(error),
            _ => None,
        }
    }
}

impl From<ParseError> for OpenError {
    fn from(error: ParseError) -> Self {
        OpenError::Structure(error)
    }
}

/// Why a message was not sealed (spec 7.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SealError {
    /// There is no receiver, and it is not a [dummy](crate::Sealer::dummy); or it is
    /// one, and has a receiver, a sender or a reply key.
    NoReceiver,
    /// A receiver's key is not of the suite's type.
    ReceiverType,
    /// Two receivers have the same KEM key.
    DuplicateReceiver,
    /// An introduction needs a sender.
    IntroductionWithoutSender,
    /// A pair hint needs a sender, a sealed suite, keys of type 1 on both sides, and
    /// a contact of this very sender.
    PairHint,
    /// A reply key for several receivers, without saying that they share it.
    SharedReplyKey,
    /// A named sender offers a reply key only with an introduction, or when every
    /// receiver gets a pair hint (spec 5.3).
    UnattributableReplyKey,
    /// More than 4096 slots.
    Slots,
    /// Encoded content above 16 252 928 bytes, or an envelope above 16 MiB.
    Size,
    /// The content type is longer than 255 bytes.
    ContentType,
    /// More than 64 extensions, or one id twice.
    Extensions,
    /// The RNG failed.
    Random,
    /// The provider refused a key: one that was not validated.
    Crypto,
}

impl SealError {
    /// The code of spec 12; `None` for what is no fault of the input.
    #[must_use]
    pub const fn code(&self) -> Option<&'static str> {
        match self {
            SealError::NoReceiver
            | SealError::ReceiverType
            | SealError::DuplicateReceiver
            | SealError::IntroductionWithoutSender
            | SealError::PairHint
            | SealError::SharedReplyKey
            | SealError::UnattributableReplyKey
            | SealError::Crypto => Some("key"),
            SealError::Slots | SealError::Size => Some("size"),
            SealError::ContentType | SealError::Extensions => Some("bad-content"),
            SealError::Random => None,
        }
    }
}

impl fmt::Display for SealError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            SealError::NoReceiver => "no receiver, or a dummy with people",
            SealError::ReceiverType => "a receiver's key is not of the suite's type",
            SealError::DuplicateReceiver => "a receiver is named twice",
            SealError::IntroductionWithoutSender => "an introduction needs a sender",
            SealError::PairHint => {
                "a pair hint needs a sender, a sealed suite, and X25519 keys on both sides"
            }
            SealError::SharedReplyKey => {
                "one reply key for several receivers makes them recognisable to each other"
            }
            SealError::UnattributableReplyKey => {
                "a reply key needs an introduction, or a pair hint for every receiver"
            }
            SealError::Slots => "more than 4096 slots",
            SealError::Size => "content or envelope too large",
            SealError::ContentType => "content type longer than 255 bytes",
            SealError::Extensions => "more than 64 extensions, or one id twice",
            SealError::Random => "no random numbers",
            SealError::Crypto => "refused by the cryptography",
        })
    }
}

impl core::error::Error for SealError {}

impl From<CryptoError> for SealError {
    fn from(CryptoError: CryptoError) -> Self {
        SealError::Crypto
    }
}

impl From<KeyError> for SealError {
    fn from(_: KeyError) -> Self {
        SealError::Crypto
    }
}
