//! What looking for one's own needs of an envelope, without the rest: the rows of
//! a scan column.

use alloc::vec::Vec;
use core::fmt;

use wcmp_suite::{Form, HINT_LEN, Provider, Suite, SuiteId};

use crate::Readable;

/// What an envelope's hints can be looked for with. Stores keep these fields apart
/// from payloads and slots, each in its own way; a scan takes slices of rows.
///
/// A row says nothing that is relied upon: what is found is checked when the
/// envelope is opened. A row that is wrong hides its envelope, no more.
#[derive(Clone, Copy)]
pub struct Row<'a> {
    /// The suite's number, perhaps of a suite that nobody here knows.
    pub suite: u16,
    /// The last hour in which the envelope may be handed on.
    pub expires: u32,
    /// Read in open suites.
    pub recipient_nonce: &'a [u8; 16],
    /// The body hash of spec 4.3; read in sealed suites.
    pub body: &'a [u8; 32],
    /// Read in sealed suites, for the hints of strangers.
    pub encapsulation: &'a [u8],
    /// The hints of all slots.
    pub hints: &'a [[u8; HINT_LEN]],
}

impl fmt::Debug for Row<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Row")
            .field("suite", &SuiteId(self.suite))
            .field("expires", &self.expires)
            .field("slots", &self.hints.len())
            .finish_non_exhaustive()
    }
}

/// A scan column in memory: 16 + 16·R + 16 bytes for an envelope of an open suite
/// with R slots, 48 more for one of a sealed suite, one after the other.
///
/// ```
/// use wcmp_message::{Column, Content, Readable, Sealer};
/// use wcmp_suite::{Provider, Suite};
/// # use wcmp_suite::{KeyError, KeyPair, KeyType};
/// # struct Rng;
/// # impl rand_core::TryRng for Rng {
/// #     type Error = core::convert::Infallible;
/// #     fn try_next_u32(&mut self) -> Result<u32, Self::Error> { Ok(7) }
/// #     fn try_next_u64(&mut self) -> Result<u64, Self::Error> { Ok(7) }
/// #     fn try_fill_bytes(&mut self, to: &mut [u8]) -> Result<(), Self::Error> { to.fill(7); Ok(()) }
/// # }
/// # impl rand_core::TryCryptoRng for Rng {}
///
/// let crypto = Provider::rust_crypto();
/// let dummy = Sealer::dummy(Suite::OpenAes256Gcm, 494_000);
/// let envelope = dummy.seal(&crypto, &Content::default(), &mut Rng)?;
///
/// let mut column = Column::new();
/// column.push(&crypto, &Readable::parse(&envelope, 493_900)?);
/// let row = column.rows().next().unwrap();
/// assert_eq!((row.suite, row.expires, row.hints.len()), (0x0001, 494_000, 4));
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
#[derive(Clone, Default)]
pub struct Column {
    /// Records: head; recipient nonce, or body hash and encapsulation; hints.
    units: Vec<[u8; 16]>,
    rows: usize,
}

impl fmt::Debug for Column {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Column({} rows)", self.rows)
    }
}

/// What a sealed suite has between head and hints: body hash, encapsulation.
const SEALED_UNITS: usize = 4;

impl Column {
    /// A column without rows.
    #[must_use]
    pub fn new() -> Column {
        Column::default()
    }

    /// Number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows
    }

    /// Whether there are no rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// Removes all rows; memory is kept.
    pub fn clear(&mut self) {
        self.units.clear();
        self.rows = 0;
    }

    /// Appends the row of an envelope. In sealed suites this hashes its body.
    pub fn push(&mut self, provider: &Provider, readable: &Readable<'_>) {
        let envelope = readable.envelope();
        let [s0, s1] = envelope.suite().to_be_bytes();
        let [e0, e1, e2, e3] = envelope.expires().to_be_bytes();
        // A readable envelope has at most 4096 slots.
        let slots = u16::try_from(envelope.slots()).unwrap_or_default();
        let [r0, r1] = slots.to_be_bytes();
        let mut head = [0; 16];
        for (to, from) in head.iter_mut().zip([s0, s1, r0, r1, e0, e1, e2, e3]) {
            *to = from;
        }
        self.units.push(head);
        match readable.suite().form() {
            Form::Open => self.units.push(*envelope.recipient_nonce()),
            Form::Sealed => {
                let body = readable.body(provider).0;
                let (body, _) = body.as_chunks();
                // A readable envelope of a sealed suite has 32 bytes of it.
                let (encapsulation, _) = envelope.encapsulation().as_chunks();
                self.units.extend(body);
                self.units.extend(encapsulation);
            }
        }
        self.units.extend(envelope.hints());
        self.rows += 1;
    }

    /// The rows, in the order in which they were pushed.
    #[must_use]
    pub fn rows(&self) -> impl ExactSizeIterator<Item = Row<'_>> {
        Rows {
            rest: &self.units,
            left: self.rows,
        }
    }
}

struct Rows<'a> {
    rest: &'a [[u8; 16]],
    left: usize,
}

impl<'a> Iterator for Rows<'a> {
    type Item = Row<'a>;

    #[inline]
    fn next(&mut self) -> Option<Row<'a>> {
        let (row, rest) = row(self.rest)?;
        self.rest = rest;
        self.left = self.left.saturating_sub(1);
        Some(row)
    }

    // Whoever collects them allocates once.
    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Rows<'_> {}

/// The first row, and what follows it.
#[inline]
fn row(units: &[[u8; 16]]) -> Option<(Row<'_>, &[[u8; 16]])> {
    const NONE: &[u8; 32] = &[0; 32];
    let ([s0, s1, r0, r1, e0, e1, e2, e3, ..], rest) = units.split_first()?;
    let suite = u16::from_be_bytes([*s0, *s1]);
    let known = Suite::try_from(SuiteId(suite)).ok()?;
    let mut row = Row {
        suite,
        expires: u32::from_be_bytes([*e0, *e1, *e2, *e3]),
        recipient_nonce: rest.first()?,
        body: NONE,
        encapsulation: &[],
        hints: &[],
    };
    let rest = match known.form() {
        Form::Open => rest.get(1..)?,
        Form::Sealed => {
            let (sealed, rest) = rest.split_at_checked(SEALED_UNITS)?;
            let (body, encapsulation) = sealed.as_flattened().split_first_chunk()?;
            (row.body, row.encapsulation) = (body, encapsulation);
            rest
        }
    };
    let slots = u16::from_be_bytes([*r0, *r1]);
    let (hints, rest) = rest.split_at_checked(slots.into())?;
    row.hints = hints;
    Some((row, rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Content, Sealer};

    /// The rows say what the envelopes do, and a scan touches at most 16 + 16·R + 64 bytes for each.
    #[test]
    fn rows_are_the_envelopes_and_small() {
        let crypto = Provider::rust_crypto();
        for suite in Suite::ALL {
            let mut column = Column::new();
            let seal = |n: u8, slots: usize| {
                let sealer = Sealer::dummy(suite, 494_000 + u32::from(n)).slots(slots);
                sealer
                    .seal(&crypto, &Content::default(), &mut Fixed([n; 32]))
                    .unwrap()
            };
            let envelopes: Vec<_> = [(1, 4), (2, 16), (3, 64)]
                .map(|(n, slots)| seal(n, slots))
                .into();
            for envelope in &envelopes {
                let units = column.units.len();
                let readable = Readable::parse(envelope, 0).unwrap();
                column.push(&crypto, &readable);
                let slots = readable.envelope().slots();
                assert!((column.units.len() - units) * 16 <= 16 + 16 * slots + 64);
            }
            assert_eq!((column.len(), column.rows().count()), (3, 3));
            for (row, bytes) in column.rows().zip(&envelopes) {
                let readable = Readable::parse(bytes, 0).unwrap();
                let envelope = readable.envelope();
                assert_eq!(row.suite, envelope.suite());
                assert_eq!(row.expires, envelope.expires());
                assert_eq!(row.hints, envelope.hints());
                match suite.form() {
                    Form::Open => assert_eq!(row.recipient_nonce, envelope.recipient_nonce()),
                    Form::Sealed => {
                        assert_eq!(*row.body, envelope.body(crypto.sha256).0);
                        assert_eq!(row.encapsulation, envelope.encapsulation());
                    }
                }
            }
            column.clear();
            assert!(column.is_empty() && column.rows().next().is_none());
        }
    }

    /// Different bytes at every call.
    struct Fixed([u8; 32]);

    impl rand_core::TryRng for Fixed {
        type Error = core::convert::Infallible;

        fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
            Ok(1)
        }

        fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
            Ok(1)
        }

        fn try_fill_bytes(&mut self, to: &mut [u8]) -> Result<(), Self::Error> {
            self.0 = wcmp_wire::sha256(&[&self.0]);
            for (to, from) in to.iter_mut().zip(self.0.iter().cycle()) {
                *to = *from;
            }
            Ok(())
        }
    }

    impl rand_core::TryCryptoRng for Fixed {}
}
