//! How a record's H crosses the wire (auth 6): sealed to a session (a new
//! password) or to a server's static key (a new account). Clients and servers.
//!
//! ```text
//! password: sealed = H XOR HMAC(HMAC(k_sess, enc("seal")), enc("record", token, rnonce, u8 suite, salt, cost.., cs, P, N))
//! register: k      = HMAC(X25519(esk, spk), enc("register", epk, spk))
//!           sealed = H XOR HMAC(HMAC(k, enc("seal")), enc("record", realm, login, salt, cost.., cs, P, N))
//!           mac    = HMAC(HMAC(k, enc("mac")), enc("registration", realm, login, u8 suite, salt, cost.., cs, P, N, sealed, invite))
//!           done   = HMAC(HMAC(k, enc("done")), mac)
//! ```

use alloc::vec::Vec;
use core::fmt;

use rand_core::TryCryptoRng;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::client::ClientError;
use crate::encode::enc;
use crate::kdf::hmac;
use crate::message::{PasswordChange, PasswordParameters, Registered, Registration};
use crate::schedule::{Shared, xor};
use crate::{Record, SessionKey, Suite, x25519};

type Secret = Zeroizing<[u8; 32]>;

impl PasswordParameters {
    /// What `record` was made with, named by a suite of its KDF.
    #[must_use]
    pub fn of(record: &Record, suite: Suite) -> PasswordParameters {
        PasswordParameters {
            suite,
            salt: record.salt().to_vec(),
            parameters: *record.parameters(),
        }
    }

    /// `first`, salt, cost.., cs, P, N, `last`.
    fn enc(&self, label: &str, first: &[&[u8]], last: &[&[u8]]) -> Vec<u8> {
        let numbers = self.parameters.fields();
        let mut fields = first.to_vec();
        fields.push(&self.salt);
        fields.extend(numbers.iter().map(|number| &number[..]));
        fields.extend(last);
        enc(label, &fields)
    }
}

impl PasswordChange {
    /// A client's: `record` was made of the new password with `made_with`, the
    /// answer to `GET /knh1/password`; `rnonce` is random. Sealed to the session
    /// that asks.
    #[must_use]
    pub fn seal(
        key: &SessionKey,
        token: &[u8; 16],
        made_with: PasswordParameters,
        record: &Record,
        rnonce: &[u8; 32],
    ) -> PasswordChange {
        let pad = pad(key, token, &made_with, rnonce);
        PasswordChange {
            made_with,
            rnonce: *rnonce,
            sealed: *xor(record.dangerous_h(), &pad),
        }
    }

    /// A server's: H, of whatever the session's holder has sealed.
    #[must_use]
    pub fn open(&self, key: &SessionKey, token: &[u8; 16]) -> Secret {
        let pad = pad(key, token, &self.made_with, &self.rnonce);
        xor(&self.sealed, &pad)
    }
}

fn pad(
    key: &SessionKey,
    token: &[u8; 16],
    made_with: &PasswordParameters,
    rnonce: &[u8; 32],
) -> Secret {
    let seal = hmac(key.dangerous_bytes(), &enc("seal", &[]));
    let suite = [made_with.suite.id()];
    hmac(
        &*seal,
        &made_with.enc("record", &[token, rnonce, &suite], &[]),
    )
}

/// A server's static X25519 key, for registrations. **Secret**, lasting.
pub struct StaticKey {
    secret: Secret,
    public: [u8; 32],
}

impl fmt::Debug for StaticKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StaticKey(..)")
    }
}

impl StaticKey {
    /// The key of 32 random bytes.
    #[must_use]
    pub fn new(secret: &[u8; 32]) -> StaticKey {
        StaticKey {
            secret: Zeroizing::new(*secret),
            public: x25519::public(secret),
        }
    }

    /// What clients are configured with.
    #[must_use]
    pub fn public(&self) -> &[u8; 32] {
        &self.public
    }
}

/// k of a registration.
struct Channel(Secret);

impl Channel {
    /// Nothing for a key of small order.
    fn new(secret: &[u8; 32], peer: &[u8; 32], epk: &[u8; 32], spk: &[u8; 32]) -> Option<Channel> {
        let (z, contributed) = Shared::agree(secret, peer);
        let k = hmac(z.bytes(), &enc("register", &[epk, spk]));
        contributed.then_some(Channel(k))
    }

    fn sealed(&self, registration: &Registration, input: &[u8; 32]) -> Secret {
        let Registration { realm, login, .. } = registration;
        let first = [realm.as_bytes(), login.as_bytes()];
        let message = registration.made_with.enc("record", &first, &[]);
        xor(input, &hmac(&*self.key("seal"), &message))
    }

    fn mac(&self, registration: &Registration) -> Secret {
        let Registration { realm, login, .. } = registration;
        let suite = [registration.made_with.suite.id()];
        let first = [realm.as_bytes(), login.as_bytes(), &suite];
        let last = [&registration.sealed[..], registration.invite.as_bytes()];
        let message = registration.made_with.enc("registration", &first, &last);
        hmac(&*self.key("mac"), &message)
    }

    fn done(&self, mac: &[u8; 32]) -> Secret {
        hmac(&*self.key("done"), mac)
    }

    fn key(&self, label: &str) -> Secret {
        hmac(&*self.0, &enc(label, &[]))
    }
}

impl Registration {
    /// A client's: `record` was made with `suite`'s KDF and what
    /// `GET /knh1/register?login=` said; `spk` is the server's static key from the
    /// client's configuration; `invite` may be "".
    ///
    /// # Errors
    /// [`ClientError::Random`]; [`ClientError::Ephemeral`] for a static key of
    /// small order.
    pub fn seal<R: TryCryptoRng + ?Sized>(
        record: &Record,
        suite: Suite,
        invite: &str,
        spk: &[u8; 32],
        rng: &mut R,
    ) -> Result<(Registration, PendingRegistration), ClientError> {
        let mut esk = Zeroizing::new([0; 32]);
        rng.try_fill_bytes(&mut *esk)
            .map_err(|_| ClientError::Random)?;
        let epk = x25519::public(&esk);
        let channel = Channel::new(&esk, spk, &epk, spk).ok_or(ClientError::Ephemeral)?;
        let mut registration = Registration {
            realm: record.realm().into(),
            login: record.login().into(),
            made_with: PasswordParameters::of(record, suite),
            epk,
            sealed: [0; 32],
            invite: invite.into(),
            mac: [0; 32],
        };
        registration.sealed = *channel.sealed(&registration, record.dangerous_h());
        registration.mac = *channel.mac(&registration);
        let done = channel.done(&registration.mac);
        Ok((registration, PendingRegistration(done)))
    }

    /// A server's: H and the answer, if the MAC is right.
    #[must_use]
    pub fn open(&self, key: &StaticKey) -> Option<(Secret, Registered)> {
        let channel = Channel::new(&key.secret, &self.epk, &self.epk, &key.public)?;
        if !bool::from(channel.mac(self).ct_eq(&self.mac)) {
            return None;
        }
        let done = *channel.done(&self.mac);
        Some((channel.sealed(self, &self.sealed), Registered { done }))
    }
}

/// A registration that waits for its answer.
pub struct PendingRegistration(Secret);

impl fmt::Debug for PendingRegistration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PendingRegistration(..)")
    }
}

impl PendingRegistration {
    /// Whether the server that holds the static key has the record.
    #[must_use]
    pub fn verify(&self, registered: &Registered) -> bool {
        self.0.ct_eq(&registered.done).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vectors::Script;
    use crate::{Cost, Parameters};

    fn record(h: [u8; 32]) -> Record {
        let parameters = Parameters::new(Cost::PBKDF2);
        let salt: [u8; 16] = core::array::from_fn(|i| u8::try_from(i + 16).unwrap());
        Record::new("api.example.com", "alice", &salt, parameters, &h).unwrap()
    }

    #[test]
    fn a_sealed_record_opens_for_its_session_and_parameters_only() {
        let key = SessionKey::new(&[0x77; 32]);
        let token = [0x70; 16];
        let record = record([0x48; 32]);
        let made_with = PasswordParameters::of(&record, Suite::Pbkdf2X25519);
        let change = PasswordChange::seal(&key, &token, made_with, &record, &[0x52; 32]);
        assert_eq!(*change.open(&key, &token), [0x48; 32]);
        assert_ne!(*change.open(&key, &[0x71; 16]), [0x48; 32]);
        assert_ne!(
            *change.open(&SessionKey::new(&[0x78; 32]), &token),
            [0x48; 32]
        );
        let mut other = change.clone();
        other.made_with.suite = Suite::Pbkdf2;
        assert_ne!(*other.open(&key, &token), [0x48; 32]);
    }

    #[test]
    fn a_registration_crosses_and_every_change_of_it_is_refused() {
        let key = StaticKey::new(&[3; 32]);
        let record = record([0x48; 32]);
        let mut rng = Script([0x11; 32].to_vec());
        let (sent, pending) = Registration::seal(
            &record,
            Suite::Pbkdf2X25519,
            "welcome",
            key.public(),
            &mut rng,
        )
        .unwrap();
        assert_ne!(sent.sealed, [0x48; 32]);
        let (h, done) = sent.open(&key).unwrap();
        assert_eq!(*h, [0x48; 32]);
        assert!(pending.verify(&done));
        assert!(!pending.verify(&Registered { done: [0; 32] }));
        assert!(sent.open(&StaticKey::new(&[4; 32])).is_none());

        let changes: [fn(&mut Registration); 11] = [
            |r| r.realm.push('x'),
            |r| r.login.push('x'),
            |r| r.made_with.suite = Suite::Pbkdf2,
            |r| r.made_with.salt[0] ^= 1,
            |r| r.made_with.parameters.cs = 2,
            |r| r.made_with.parameters.p = 3,
            |r| r.made_with.parameters.n = 3,
            |r| r.epk[0] ^= 1,
            |r| r.sealed[31] ^= 1,
            |r| r.invite.clear(),
            |r| r.mac[0] ^= 1,
        ];
        for (number, change) in changes.iter().enumerate() {
            let mut changed = sent.clone();
            change(&mut changed);
            assert!(changed.open(&key).is_none(), "{number}");
        }
        // Keys of small order: the shared secret would be known.
        for low in [[0; 32], core::array::from_fn(|i| u8::from(i == 0))] {
            let mut rng = Script([0x11; 32].to_vec());
            let sealed = Registration::seal(&record, Suite::Pbkdf2, "", &low, &mut rng);
            assert_eq!(sealed.unwrap_err(), ClientError::Ephemeral);
            let changed = Registration {
                epk: low,
                ..sent.clone()
            };
            assert!(changed.open(&key).is_none());
        }
    }
}
