//! The rows of an envelope: a hint and a sealed key for each receiver, and for
//! each dummy (spec 7.3).

use alloc::vec::Vec;

use rand_core::TryCryptoRng;
use wcmp_suite::hpke::SharedSecret;
use wcmp_suite::slot::{self, Ephemeral};
use wcmp_suite::{Form, KeyPair, KeyType, Provider, stranger_hint};
use wcmp_wire::{Body, Core};
use zeroize::Zeroizing;

use super::hedge::Hedge;
use super::{Sealer, To};
use crate::SealError;

pub(super) struct Row<'a> {
    pub(super) hint: [u8; 16],
    holder: Holder<'a>,
}

enum Holder<'a> {
    /// A receiver; the shared secret of an X25519 slot.
    Receiver(&'a To<'a>, Option<SharedSecret>),
    /// Nobody, in this row before sorting.
    Dummy(u16),
}

/// What all rows of one envelope have in common.
pub(super) struct Sealing<'a> {
    pub(super) provider: &'a Provider,
    pub(super) sealer: &'a Sealer<'a>,
    pub(super) hedge: &'a Hedge,
    /// `None` for X-Wing.
    pub(super) ephemeral: Option<&'a Ephemeral>,
    pub(super) content_key: &'a [u8; 32],
    pub(super) recipient_nonce: &'a [u8; 16],
}

impl<'a> Sealing<'a> {
    /// Receivers in the given order, then dummies.
    pub(super) fn rows(&self, body: &Body) -> Result<Vec<Row<'a>>, SealError> {
        let slots = self.sealer.slot_count();
        let mut rows = Vec::with_capacity(slots);
        for to in &self.sealer.to {
            let shared = match self.ephemeral {
                Some(ephemeral) => Some(ephemeral.encapsulate(self.provider, to.public)?),
                None => None,
            };
            let hint = self.hint(to, shared.as_ref(), body)?;
            let holder = Holder::Receiver(to, shared);
            rows.push(Row { hint, holder });
        }
        let dummies = rows.len()..slots;
        for row in dummies.filter_map(|row| u16::try_from(row).ok()) {
            rows.push(Row {
                hint: *self.hedge.draw_for(self.provider, b"dummy hint", row),
                holder: Holder::Dummy(row),
            });
        }
        Ok(rows)
    }

    /// Spec 6.3.
    fn hint(
        &self,
        to: &To<'_>,
        shared: Option<&SharedSecret>,
        body: &Body,
    ) -> Result<[u8; 16], SealError> {
        let (provider, suite) = (self.provider, self.sealer.suite);
        if let Some(contact) = to.contact {
            let key = contact.hint_key_to(provider, suite);
            return Ok(key.ok_or(SealError::PairHint)?.hint(&body.0));
        }
        match (suite.form(), shared) {
            (Form::Sealed, Some(shared)) => {
                let key_id = to.public.key_id();
                Ok(stranger_hint(provider, suite, shared, key_id, &body.0))
            }
            _ => {
                let hint_key = to.public.hint_key();
                Ok(hint_key.receiver_hint(suite, self.recipient_nonce))
            }
        }
    }

    /// The sealed keys of these rows, in their order.
    pub(super) fn sealed_keys<R: TryCryptoRng + ?Sized>(
        &self,
        rows: &[Row<'_>],
        core: &Core,
        rng: &mut R,
    ) -> Result<Vec<u8>, SealError> {
        let suite = self.sealer.suite;
        let mut sealed = Vec::with_capacity(rows.len() * suite.slot_len());
        for row in rows {
            match &row.holder {
                Holder::Receiver(to, Some(shared)) => sealed.extend(slot::seal(
                    self.provider,
                    suite,
                    shared,
                    &core.0,
                    to.public.key_id(),
                    self.content_key,
                )?),
                Holder::Receiver(to, None) => {
                    sealed.extend(self.xwing_slot(to.public, core, rng)?);
                }
                Holder::Dummy(row) => match suite.key_type() {
                    KeyType::X25519 => {
                        let key = self.hedge.draw_for::<48>(self.provider, b"dummy key", *row);
                        sealed.extend_from_slice(&*key);
                    }
                    KeyType::XWing => {
                        // Random bytes are no ML-KEM ciphertext, and that shows.
                        let seed = random::<32, R>(rng)?;
                        let nobody = KeyPair::from_seed(self.provider, KeyType::XWing, &seed)?;
                        sealed.extend(self.xwing_slot(nobody.public(), core, rng)?);
                    }
                },
            }
        }
        Ok(sealed)
    }

    fn xwing_slot<R: TryCryptoRng + ?Sized>(
        &self,
        receiver: &wcmp_suite::PublicKey,
        core: &Core,
        rng: &mut R,
    ) -> Result<Vec<u8>, SealError> {
        let randomness = random::<64, R>(rng)?;
        let sealed = slot::seal_xwing(
            self.provider,
            self.sealer.suite,
            receiver,
            &randomness,
            &core.0,
            self.content_key,
        )?;
        Ok(sealed.to_vec())
    }
}

fn random<const N: usize, R: TryCryptoRng + ?Sized>(
    rng: &mut R,
) -> Result<Zeroizing<[u8; N]>, SealError> {
    let mut out = Zeroizing::new([0u8; N]);
    rng.try_fill_bytes(&mut *out)
        .map_err(|_| SealError::Random)?;
    Ok(out)
}
