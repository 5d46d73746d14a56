//! A key that signs calls or answers, ready for many of them.

use alloc::sync::Arc;
use core::fmt;

use subtle::{Choice, ConstantTimeEq};
use zeroize::Zeroizing;

use crate::kdf::Key;

/// k_req or k_resp as it is used: the two blocks that HMAC makes of a key are hashed
/// already, which spares every call and every answer two of about ten. **Secret**; wiped when
/// dropped; neither compared nor printed.
///
/// ```
/// use wcmp_auth::SessionKey;
/// use wcmp_auth::call::CallKey;
///
/// let session = SessionKey::new(&[9; 32]);
/// let k_req = CallKey::new(&session.request());
/// assert_eq!(format!("{k_req:?}"), "CallKey(..)");
/// ```
pub struct CallKey(Arc<Key>);

impl fmt::Debug for CallKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CallKey(..)")
    }
}

impl CallKey {
    /// The key of these bytes.
    #[must_use]
    pub fn new(bytes: &[u8; 32]) -> CallKey {
        CallKey(Arc::new(Key::new(bytes)))
    }

    /// For an answer, which may come long after its call. The same memory, in which
    /// the key is kept once.
    pub(super) fn share(&self) -> CallKey {
        CallKey(Arc::clone(&self.0))
    }

    pub(super) fn mac(&self, message: &[u8]) -> Zeroizing<[u8; 32]> {
        self.0.mac(message)
    }

    /// Whether `mac` is that of `message`, in constant time. Quarters are compared:
    /// byte by byte, it takes longer than a block of SHA-256.
    pub(super) fn verify(&self, message: &[u8], mac: &[u8; 32]) -> bool {
        let right = self.mac(message);
        let quarters = right.as_chunks().0.iter().zip(mac.as_chunks().0);
        let same = quarters.fold(Choice::from(1), |same, (right, mac)| {
            same & u64::from_ne_bytes(*right).ct_eq(&u64::from_ne_bytes(*mac))
        });
        same.into()
    }
}
