//! Why bytes are not an envelope.

use core::fmt;

/// Result of reading or writing the wire format.
pub type Result<T> = core::result::Result<T, ParseError>;

/// What is wrong, and at which byte.
///
/// Never carries input bytes: it may be logged.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct ParseError {
    kind: ParseErrorKind,
    offset: usize,
}

/// What is wrong with the bytes (spec 4.1 and 3).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum ParseErrorKind {
    /// Longer than [`MAX_ENVELOPE`](crate::MAX_ENVELOPE) bytes.
    Size,
    /// The first byte is not [`VERSION`](crate::VERSION).
    Version,
    /// An item reaches beyond the end of the input.
    UnexpectedEnd,
    /// A varint has a shorter form.
    VarintNotMinimal,
    /// A varint does not fit 32 bits.
    VarintOverflow,
    /// Bytes follow the last field.
    TrailingBytes,
    /// The hints are not 16·R bytes with 1 <= R <= [`MAX_SLOTS`](crate::MAX_SLOTS).
    HintCount,
    /// A hint is not greater than the one before it.
    HintOrder,
    /// The sealed keys are not S·R bytes with S >= 1.
    SealedKeysLength,
    /// The payload is shorter than [`MIN_PAYLOAD`](crate::MIN_PAYLOAD) bytes.
    PayloadLength,
    /// The encapsulation is longer than [`MAX_ENCAPSULATION`](crate::MAX_ENCAPSULATION) bytes.
    EncapsulationLength,
    /// The signature is empty or longer than [`MAX_SIGNATURE`](crate::MAX_SIGNATURE) bytes.
    SignatureLength,
}

impl ParseError {
    pub(crate) const fn new(kind: ParseErrorKind, offset: usize) -> Self {
        Self { kind, offset }
    }

    /// What is wrong.
    #[must_use]
    pub const fn kind(&self) -> ParseErrorKind {
        self.kind
    }

    /// Byte offset of the item that is wrong: of the number, array or length that could not be read, of the length
    /// of a field of a forbidden length, of the first hint out of order, or of the first byte too many.
    #[must_use]
    pub const fn offset(&self) -> usize {
        self.offset
    }

    /// The error code of spec section 12: `"size"`, `"version"` or `"malformed"`.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self.kind {
            ParseErrorKind::Size => "size",
            ParseErrorKind::Version => "version",
            _ => "malformed",
        }
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.kind {
            ParseErrorKind::Size => return f.write_str("longer than 16777216 bytes"),
            ParseErrorKind::Version => "unknown version",
            ParseErrorKind::UnexpectedEnd => "unexpected end",
            ParseErrorKind::VarintNotMinimal => "varint is not minimal",
            ParseErrorKind::VarintOverflow => "varint exceeds 32 bits",
            ParseErrorKind::TrailingBytes => "trailing bytes",
            ParseErrorKind::HintCount => "hints are not 1 to 4096 times 16 bytes",
            ParseErrorKind::HintOrder => "hints are not strictly ascending",
            ParseErrorKind::SealedKeysLength => "sealed keys do not divide among the hints",
            ParseErrorKind::PayloadLength => "payload shorter than 16 bytes",
            ParseErrorKind::EncapsulationLength => "encapsulation longer than 65535 bytes",
            ParseErrorKind::SignatureLength => "signature is not 1 to 65535 bytes",
        };
        write!(f, "{what} at byte {}", self.offset)
    }
}

impl core::error::Error for ParseError {}
