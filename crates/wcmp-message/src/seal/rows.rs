//! The rows of an envelope: a hint and a sealed key for each receiver, and for
//! each dummy (spec 7.3).

use alloc::vec::Vec;

use rand_core::TryCryptoRng;
use wcmp_suite::hpke::SharedSecret;
use wcmp_suite::slot::{self, Ephemeral};
use wcmp_suite::{Form, KeyPair, KeyType, Provider, stranger_hint};
use wcmp_wire::{Body, Core};
use zeroize::{Zeroize, Zeroizing};

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
        self.receivers(body, &mut rows)?;
        let dummies = rows.len()..slots;
        for row in dummies.filter_map(|row| u16::try_from(row).ok()) {
            rows.push(Row {
                hint: *self.hedge.draw_for(self.provider, b"dummy hint", row),
                holder: Holder::Dummy(row),
            });
        }
        Ok(rows)
    }

    fn receivers(&self, body: &Body, rows: &mut Vec<Row<'a>>) -> Result<(), SealError> {
        #[cfg(feature = "rayon")]
        if self.sealer.all_cores {
            use rayon::prelude::*;
            let made = self.sealer.to.par_iter().map(|to| self.receiver(to, body));
            rows.extend(made.collect::<Result<Vec<_>, _>>()?);
            return Ok(());
        }
        for to in &self.sealer.to {
            rows.push(self.receiver(to, body)?);
        }
        Ok(())
    }

    fn receiver(&self, to: &'a To<'a>, body: &Body) -> Result<Row<'a>, SealError> {
        let shared = match self.ephemeral {
            Some(ephemeral) => Some(ephemeral.encapsulate(self.provider, to.public)?),
            None => None,
        };
        Ok(Row {
            hint: self.hint(to, shared.as_ref(), body)?,
            holder: Holder::Receiver(to, shared),
        })
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

    /// Writes the sealed keys of these rows, in their order.
    pub(super) fn seal_keys<R: TryCryptoRng + ?Sized>(
        &self,
        rows: &[Row<'_>],
        core: &Core,
        rng: &mut R,
        out: &mut [u8],
    ) -> Result<(), SealError> {
        let suite = self.sealer.suite;
        let random = match suite.key_type() {
            KeyType::X25519 => Zeroizing::default(),
            KeyType::XWing => draw(rows, rng)?,
        };
        let seal = |(place, (row, slot)): (usize, (&Row<'_>, &mut [u8]))| {
            self.seal_key(row, random.get(place), core, slot)
        };
        #[cfg(feature = "rayon")]
        if self.sealer.all_cores {
            use rayon::prelude::*;
            let slots = out.par_chunks_exact_mut(suite.slot_len());
            return rows.par_iter().zip(slots).enumerate().try_for_each(seal);
        }
        let slots = out.chunks_exact_mut(suite.slot_len());
        rows.iter().zip(slots).enumerate().try_for_each(seal)
    }

    fn seal_key(
        &self,
        row: &Row<'_>,
        random: Option<&Random>,
        core: &Core,
        out: &mut [u8],
    ) -> Result<(), SealError> {
        let (provider, suite) = (self.provider, self.sealer.suite);
        let (core, key) = (&core.0, self.content_key);
        match (&row.holder, random) {
            (Holder::Receiver(to, Some(secret)), _) => {
                let id = to.public.key_id();
                out.copy_from_slice(&slot::seal(provider, suite, secret, core, id, key)?);
            }
            (Holder::Dummy(row), None) => {
                let random = self.hedge.draw_for::<48>(provider, b"dummy key", *row);
                out.copy_from_slice(&*random);
            }
            (Holder::Receiver(to, None), Some(Random { slot, .. })) => {
                let sealed = slot::seal_xwing(provider, suite, to.public, slot, core, key)?;
                out.copy_from_slice(&sealed);
            }
            (Holder::Dummy(_), Some(Random { nobody, slot })) => {
                // Random bytes are no ML-KEM ciphertext, and that shows.
                let nobody = KeyPair::from_seed(provider, KeyType::XWing, nobody)?;
                let public = nobody.public();
                let sealed = slot::seal_xwing(provider, suite, public, slot, core, key)?;
                out.copy_from_slice(&sealed);
            }
            (Holder::Receiver(_, None), None) => return Err(SealError::Crypto),
        }
        Ok(())
    }
}

/// The randomness of an X-Wing slot.
struct Random {
    /// The seed of a dummy's throw-away key.
    nobody: [u8; 32],
    slot: [u8; 64],
}

impl Zeroize for Random {
    fn zeroize(&mut self) {
        self.nobody.zeroize();
        self.slot.zeroize();
    }
}

/// That of all rows: one after the other, whoever computes them afterwards.
fn draw<R: TryCryptoRng + ?Sized>(
    rows: &[Row<'_>],
    rng: &mut R,
) -> Result<Zeroizing<Vec<Random>>, SealError> {
    let mut all = Zeroizing::new(Vec::with_capacity(rows.len()));
    for row in rows {
        let (mut nobody, mut slot) = (Zeroizing::new([0; 32]), Zeroizing::new([0; 64]));
        if matches!(row.holder, Holder::Dummy(_)) {
            rng.try_fill_bytes(&mut *nobody)
                .map_err(|_| SealError::Random)?;
        }
        rng.try_fill_bytes(&mut *slot)
            .map_err(|_| SealError::Random)?;
        all.push(Random {
            nobody: *nobody,
            slot: *slot,
        });
    }
    Ok(all)
}
