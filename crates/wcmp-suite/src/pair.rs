//! Pair keys: what two people who hold each other's keys share (spec 1.6).

use core::fmt;

use zeroize::Zeroizing;

use crate::{PairHintKey, Provider, PublicKey, Suite};

/// The key of one pair of people. The same for both; secret; to be cached per
/// contact, since making it costs an X25519.
pub struct PairKey(Zeroizing<[u8; 32]>);

impl fmt::Debug for PairKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PairKey(..)")
    }
}

impl PairKey {
    pub(crate) fn new(key: Zeroizing<[u8; 32]>) -> PairKey {
        PairKey(key)
    }

    /// pair_hint_key(sender -> receiver, suite), with its states precomputed.
    #[must_use]
    pub fn hint_key(
        &self,
        provider: &Provider,
        suite: Suite,
        sender: &PublicKey,
        receiver: &PublicKey,
    ) -> PairHintKey {
        let key = Zeroizing::new((provider.hmac)(
            &*self.0,
            &[
                b"WCMP v1 pair hint",
                &suite.id_bytes(),
                sender.key_id(),
                receiver.key_id(),
            ],
        ));
        PairHintKey::new(&key)
    }
}
