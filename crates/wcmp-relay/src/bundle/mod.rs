//! Bundle files: envelopes as carriers hand them on.
//!
//! # Layout
//! All integers are big-endian. CRC32C is the Castagnoli polynomial, reflected, with initial value and final XOR
//! FFFFFFFF.
//!
//! | header | bytes |
//! |---|---|
//! | magic | 89 57 43 4D 50 0D 0A 1A |
//! | version | 2, always 1 |
//! | flags | 2, always 0 |
//! | salt | 4, drawn anew for every file |
//! | CRC32C of the 16 bytes before | 4 |
//!
//! | frame | bytes |
//! |---|---|
//! | marker | 4: F1 57 45 1C XOR salt |
//! | length of the body | 4: 2 to 16 777 473 |
//! | body | stamp kind (1), stamp length (1), stamp (0 to 255), envelope |
//! | CRC32C of marker, length and body | 4 |
//!
//! | End frame | bytes |
//! |---|---|
//! | marker | 4 |
//! | zero | 4 |
//! | number of frames before it, End frames not counted | 8 |
//! | CRC32C of the 16 bytes before | 4 |
//!
//! A bundle is a header and any sequence of its frames and End frames; so is every prefix of at least 20 bytes. An End
//! frame only tells a whole file from one that was cut. Nothing says who wrote a bundle, when, or through how many
//! hands its envelopes came; and since the marker differs from file to file, copying a frame means writing it anew.
//!
//! # Reading and writing
//! [`Reader`] gives back every frame that is intact, whatever happened to the bytes around it. [`Writer`] writes to
//! any [`Sink`]. A file that is handed to somebody is written by `Export` (feature `std`), which sees to it that
//! neither order nor names nor times tell anything about its writer.
//!
//! ```
//! use wcmp_relay::bundle::{Completeness, Event, Reader, Stamp, Writer};
//!
//! let salt = [0x5a; 4]; // from the system's randomness
//! let mut writer = Writer::new(Vec::new(), salt)?;
//! writer.frame(Stamp::NONE, b"an envelope")?;
//! writer.frame(Stamp::NONE, b"another")?;
//! let mut file = writer.finish()?;
//!
//! file[30] ^= 1; // a bit of the first envelope is lost
//! let mut reader = Reader::open(&file[..], 1 << 20)?;
//! assert_eq!(reader.next()?, Some(Event::Damaged { offset: 20, len: 25 }));
//! let Some(Event::Frame { offset: 45, envelope, .. }) = reader.next()? else { panic!() };
//! assert_eq!(envelope, b"another");
//! assert_eq!(reader.next()?, Some(Event::End(Completeness::Incomplete)));
//! assert_eq!(reader.next()?, None);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub(crate) mod crc;
mod event;
#[cfg(feature = "std")]
mod export;
pub(crate) mod format;
#[cfg(feature = "std")]
mod io;
mod reader;
#[cfg(feature = "sealed")]
mod sealed;
mod stamp;
mod window;
mod writer;

pub use event::{Completeness, Event, OpenError};
#[cfg(feature = "std")]
pub use export::{Export, ExportError, PART_LIMIT, write_once};
#[cfg(feature = "std")]
pub(crate) use export::{MODIFIED, time_of_medium};
pub use format::{HEADER_LEN, HeaderError, MAGIC, MAX_BODY};
#[cfg(feature = "std")]
pub use io::Io;
pub use reader::Reader;
#[cfg(feature = "sealed")]
pub use sealed::{
    SEALED_PART_LIMIT, SealedError, Sealing, Secret, Unsealed, is_sealed_len, sealed_len,
};
pub use stamp::Stamp;
pub use window::Source;
pub use writer::{Sink, WriteError, Writer, frame_len};
