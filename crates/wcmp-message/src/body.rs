//! The body of a message: bytes that stay where they were decrypted.

use alloc::vec::Vec;
use core::fmt;
use core::ops::{Deref, Range};

use zeroize::{Zeroize, Zeroizing};

/// The body of a [`Content`](crate::Content), read as a slice.
///
/// The body of an opened message lies where it was decrypted, behind a few bytes of
/// other fields, which were wiped: so megabytes need not be moved to be read. Like the
/// content it is not wiped when dropped; it can be, by [`Zeroize`].
///
/// ```
/// use wcmp_message::ContentBody;
///
/// let body = ContentBody::from(b"at noon".to_vec());
/// assert!(body.ends_with(b"noon"));
/// assert_eq!(body.into_vec(), b"at noon");
/// ```
#[derive(Clone, Default)]
pub struct ContentBody {
    /// Ends with the body.
    bytes: Vec<u8>,
    start: usize,
}

impl ContentBody {
    /// The body in a plaintext that nothing else is needed from. A body that is most of
    /// it takes its memory over, instead of being copied and the rest wiped.
    pub(crate) fn cut(mut plaintext: Zeroizing<Vec<u8>>, body: Range<usize>) -> ContentBody {
        if body.len() < plaintext.len() / 2 {
            let bytes = plaintext.get(body).unwrap_or_default();
            return bytes.to_vec().into();
        }
        let mut bytes = core::mem::take(&mut *plaintext);
        // Introduction, reply key and type; extensions and padding.
        let around = [0..body.start, body.end..bytes.len()];
        for rest in around {
            bytes.get_mut(rest).unwrap_or_default().zeroize();
        }
        bytes.truncate(body.end);
        ContentBody {
            bytes,
            start: body.start,
        }
    }

    /// The body as a vector of its own, for which it is moved to the front of its
    /// memory.
    #[must_use]
    pub fn into_vec(mut self) -> Vec<u8> {
        let len = self.len();
        self.bytes.copy_within(self.start.., 0);
        // The body's end where it stood before.
        self.bytes.get_mut(len..).unwrap_or_default().zeroize();
        self.bytes.truncate(len);
        self.bytes
    }
}

impl Deref for ContentBody {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.bytes.get(self.start..).unwrap_or_default()
    }
}

impl AsRef<[u8]> for ContentBody {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl From<Vec<u8>> for ContentBody {
    fn from(bytes: Vec<u8>) -> ContentBody {
        ContentBody { bytes, start: 0 }
    }
}

impl Zeroize for ContentBody {
    fn zeroize(&mut self) {
        self.bytes.zeroize();
        self.start = 0;
    }
}

impl PartialEq for ContentBody {
    fn eq(&self, other: &ContentBody) -> bool {
        **self == **other
    }
}

impl Eq for ContentBody {}

impl fmt::Debug for ContentBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ContentBody({} bytes, ..)", self.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Copied or left where it was, it is the body, and what stood before it is wiped.
    #[test]
    fn is_what_was_cut_out() {
        for range in [0..0, 0..10, 2..3, 2..10, 3..6, 1..7] {
            let plaintext: Vec<u8> = (1..=10).collect();
            let expected = plaintext.get(range.clone()).unwrap_or_default();
            let body = ContentBody::cut(plaintext.clone().into(), range);
            assert_eq!(*body, *expected);
            assert_eq!(body, expected.to_vec().into());
            let before = body.bytes.get(..body.start).unwrap_or_default();
            assert!(before.iter().all(|byte| *byte == 0));
            let mut wiped = body.clone();
            wiped.zeroize();
            assert!(wiped.is_empty());
            assert_eq!(body.into_vec(), expected);
        }
    }
}
