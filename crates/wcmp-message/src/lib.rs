//! Seal, recognise and open WCMP messages: [`wcmp_wire`]'s bytes and
//! [`wcmp_suite`]'s cryptography put together (spec 5 to 8).
//!
//! * [`Sealer`]: one message into one envelope, for many receivers.
//! * [`Receiver`]: one key pair of mine and the contacts who were given it.
//! * [`Readable`] → [`Recognised`] → [`Opened`]: checking changes the type.
//!   Recognising is an `Option`, since "not for me" is the usual case; opening is
//!   a `Result`.
//! * [`Scanner`]: many keys and many envelopes at once, over the [`Row`]s of a scan
//!   column.
//! * [`Content`]: what a message says.
//!
//! Nothing here reads a clock or the system's random numbers: `now` and an RNG are
//! arguments. An *hour* is floor(unix seconds / 3600).
#![no_std]

extern crate alloc;

mod body;
mod column;
mod content;
mod error;
mod expiry;
mod open;
mod padding;
mod receiver;
mod recognise;
mod scan;
mod schedule;
mod seal;

pub use body::ContentBody;
pub use column::{Column, Row};
pub use content::{Content, Extension, MAX_CONTENT, MAX_CONTENT_TYPE, MAX_EXTENSIONS};
pub use error::{OpenError, SealError};
pub use expiry::{Ttl, hour};
pub use open::{Opened, Sender};
pub use receiver::{Contact, Receiver};
pub use recognise::{Readable, Recognised, Way};
pub use scan::{Found, ScanCursor, Scanned, Scanner};
pub use seal::Sealer;
pub use wcmp_wire::padded_len;
