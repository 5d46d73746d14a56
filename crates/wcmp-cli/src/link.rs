//! `serve` and `sync`: two nodes exchange over TCP, inside a link that needs a secret both have.
//!
//! One thread for each peer, and one lock around the node that is held for a list, an envelope or a batch, never while a
//! socket is waited for. A peer that stalls, floods or vanishes costs its own thread some time.

mod serve;
mod sync;

use core::fmt;
use core::ops::ControlFlow;
use core::time::Duration;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use serde_json::{Map, Value, json};
use wcmp::Id;
use wcmp::relay::bundle::Stamp;
use wcmp::relay::exchange::noise::{Broken, Link, Secret};
use wcmp::relay::exchange::{Error, Guest, Limits, Offer, Report, Session, Shelf};
use wcmp::relay::node::NodeError;
use wcmp::relay::policy::{Allowance, Reason, Tally};
use wcmp::relay::store::StoreError;
use zeroize::Zeroizing;

pub(crate) use serve::Serve;
pub(crate) use sync::Sync;

use crate::error::{Failure, Result};
use crate::home::{Carrying, not_fitting, of_node, tally_document};
use crate::io::{name, read_limited};
use crate::ui::Ui;

/// A stranger has so long to show that he has the secret.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// What comes after the end is awaited so long, so that our last words arrive.
const FAREWELL: Duration = Duration::from_secs(5);

/// Bytes that are read at once.
const PIECE: usize = 1 << 16;

/// Why an exchange did not come to its end.
#[derive(Debug)]
enum Trouble {
    /// The other side did not show that it has the secret.
    Stranger,
    /// The link ended before the session did.
    Closed,
    Io(io::Error),
    Link(Broken),
    Session(Error<NodeError<StoreError>>),
    /// All was said, and some of what came did not fit on the disk.
    Full(Tally),
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stranger => f.write_str("the other side did not answer as one with this secret"),
            Self::Closed => f.write_str("the other side ended it"),
            Self::Io(error) => error.fmt(f),
            Self::Link(error) => error.fmt(f),
            Self::Session(error) => error.fmt(f),
            Self::Full(tally) => {
                write!(
                    f,
                    "no space left for {} envelopes",
                    tally.dropped_for(Reason::DISK)
                )
            }
        }
    }
}

impl Trouble {
    fn into_failure(self, what: String) -> Box<Failure> {
        match self {
            Self::Io(error) => Failure::io(what, &error),
            Self::Session(Error::Node(error)) => of_node(what, error),
            Self::Full(ref tally) => {
                not_fitting(&what, tally).unwrap_or_else(|| Failure::failed(what, self))
            }
            Self::Stranger => Failure::failed(what, self)
                .hint("both sides need the same --secret-file, made and exchanged in person"),
            trouble => Failure::failed(what, trouble)
                .hint("what came is kept; do it again to get the rest"),
        }
    }
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            ErrorKind::ConnectionReset
            | ErrorKind::ConnectionAborted
            | ErrorKind::BrokenPipe
            | ErrorKind::UnexpectedEof => Self::Closed,
            _ => Self::Io(error),
        }
    }
}

impl From<Broken> for Trouble {
    fn from(error: Broken) -> Self {
        Self::Link(error)
    }
}

impl From<Error<NodeError<StoreError>>> for Trouble {
    fn from(error: Error<NodeError<StoreError>>) -> Self {
        Self::Session(error)
    }
}

/// 32 bytes, and perhaps a line break.
fn secret(path: &Path) -> Result<Secret> {
    let bytes = Zeroizing::new(read_limited(path, 33)?);
    match bytes.split_first_chunk::<32>() {
        Some((secret, [] | b"\n")) => Ok(Secret::new(*secret)),
        _ => Err(
            Failure::failed(format!("secret file {}", name(path)), "has not 32 bytes")
                .hint("`head -c 32 /dev/urandom > FILE` makes one"),
        ),
    }
}

fn random<const N: usize>() -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|_| io::Error::other("no random numbers"))?;
    Ok(bytes)
}

/// What all sessions share: the node, and what those who have the secret may still bring.
struct Shared {
    node: Carrying,
    allowance: Allowance,
}

impl Shared {
    fn new(node: Carrying) -> Mutex<Self> {
        let allowance = Allowance::new(node.policy(), node.now());
        Mutex::new(Self { node, allowance })
    }
}

fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    // Nothing panics while it is locked; and the store is right after any step.
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A guest at a node that has others, too.
struct Desk<'a> {
    shared: &'a Mutex<Shared>,
    guest: &'a mut Guest,
}

type OfNode<T> = core::result::Result<T, NodeError<StoreError>>;

impl Desk<'_> {
    fn flush(&mut self) -> OfNode<()> {
        let Shared { node, allowance } = &mut *lock(self.shared);
        self.guest.share(allowance);
        let flushed = self.guest.at(node).flush();
        self.guest.share(allowance);
        flushed.map(drop)
    }
}

impl Shelf for Desk<'_> {
    type Error = NodeError<StoreError>;

    fn offer(&mut self, each: &mut dyn FnMut(Offer)) -> OfNode<()> {
        let offered = lock(self.shared).node.offered()?;
        offered.into_iter().for_each(|entry| each(entry.into()));
        Ok(())
    }

    fn fetch(&mut self, id: &Id, give: &mut dyn FnMut(Stamp<'_>, &[u8])) -> OfNode<()> {
        let mut shared = lock(self.shared);
        self.guest.at(&mut shared.node).fetch(id, give)
    }

    fn take(&mut self, stamp: Stamp<'_>, envelope: &[u8]) -> OfNode<ControlFlow<()>> {
        let Shared { node, allowance } = &mut *lock(self.shared);
        self.guest.share(allowance);
        let taken = self.guest.at(node).take(stamp, envelope);
        self.guest.share(allowance);
        taken
    }
}

/// Lets both sides show that they have the secret. Gives what the other one said already; whoever accepts waits for
/// that, as a recording of somebody else gets no further.
fn handshake(
    stream: &mut TcpStream,
    link: &mut Link,
    accepts: bool,
) -> core::result::Result<Vec<u8>, Trouble> {
    let end = Instant::now() + HANDSHAKE;
    let (mut plain, mut wire, mut piece) = (Vec::new(), Vec::new(), vec![0; 4096]);
    stream.set_nodelay(true)?;
    stream.set_write_timeout(Some(HANDSHAKE))?;
    loop {
        link.seal(&[], &mut wire)?;
        stream.write_all(&wire)?;
        wire.clear();
        if link.is_open() && !(accepts && plain.is_empty()) {
            return Ok(plain);
        }
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(Trouble::Stranger);
        }
        stream.set_read_timeout(Some(left))?;
        match stream.read(&mut piece) {
            Ok(0) => return Err(Trouble::Stranger),
            Ok(n) => link
                .open(piece.get(..n).unwrap_or_default(), &mut plain)
                .map_err(|_| Trouble::Stranger)?,
            Err(error) if is_timeout(&error) => return Err(Trouble::Stranger),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => {
                return Err(Trouble::Stranger);
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// A session over an open link, to its end, with at most so many symbols. `each` is told now and then how far it is.
fn exchange(
    (stream, link): (&mut TcpStream, &mut Link),
    said: Vec<u8>,
    mut desk: Desk<'_>,
    symbols: u32,
    each: &mut dyn FnMut(&Report),
) -> (Report, core::result::Result<(), Trouble>) {
    let (limits, hour) = {
        let node = &lock(desk.shared).node;
        let limits = Limits::of(node.policy());
        (Limits { symbols, ..limits }, node.now())
    };
    let mut session = match random() {
        Ok(nonce) => Session::new(nonce, limits, hour),
        Err(error) => return (Report::default(), Err(error.into())),
    };
    let mut talk = Talk {
        stream,
        link,
        desk: &mut desk,
        session: &mut session,
        plain: said,
        patience: limits.patience,
    };
    let mut ended = talk.run(each);
    // However it ended: what came is taken in.
    if let Err(error) = desk.flush() {
        ended = Err(Trouble::Session(Error::Node(error)));
    }
    let tally = desk.guest.tally();
    if ended.is_ok() && tally.dropped_for(Reason::DISK) > 0 {
        ended = Err(Trouble::Full(tally.clone()));
    }
    (*session.report(), ended)
}

struct Talk<'a, 'b> {
    stream: &'a mut TcpStream,
    link: &'a mut Link,
    desk: &'a mut Desk<'b>,
    session: &'a mut Session,
    plain: Vec<u8>,
    patience: Duration,
}

impl Talk<'_, '_> {
    fn run(&mut self, each: &mut dyn FnMut(&Report)) -> core::result::Result<(), Trouble> {
        let start = Instant::now();
        let (mut wire, mut piece) = (Vec::new(), vec![0; PIECE]);
        self.stream.set_read_timeout(Some(Duration::from_secs(1)))?;
        self.hear(&[])?;
        loop {
            self.plain.clear();
            self.session.transmit(&mut self.plain, self.desk)?;
            each(self.session.report());
            let idle = self.plain.is_empty();
            self.link.seal(&self.plain, &mut wire)?;
            self.plain.clear();
            self.write(&wire)?;
            wire.clear();
            if self.session.is_done() {
                self.part();
                return Ok(());
            }
            // While there is more to say, look whether the other side has something; else wait for it.
            self.stream.set_nonblocking(!idle)?;
            let read = self.stream.read(&mut piece);
            self.stream.set_nonblocking(false)?;
            match read {
                Ok(0) => return Err(Trouble::Closed),
                Ok(n) => self.hear(piece.get(..n).unwrap_or_default())?,
                Err(error) if is_timeout(&error) => {}
                Err(error) => return Err(error.into()),
            }
            self.session.tick(start.elapsed())?;
        }
    }

    fn hear(&mut self, wire: &[u8]) -> core::result::Result<(), Trouble> {
        self.link.open(wire, &mut self.plain)?;
        self.session.receive(&self.plain, self.desk)?;
        self.plain.clear();
        Ok(())
    }

    /// Writes all of it, as long as 4 KiB go in the time of patience.
    fn write(&mut self, wire: &[u8]) -> core::result::Result<(), Trouble> {
        let units = u32::try_from(wire.len() / 4096 + 1).unwrap_or(u32::MAX);
        let end = Instant::now() + self.patience.saturating_mul(units);
        let mut rest = wire;
        self.stream.set_write_timeout(Some(self.patience))?;
        while !rest.is_empty() {
            match self.stream.write(rest) {
                Ok(0) => return Err(Trouble::Closed),
                Ok(n) => rest = rest.get(n..).unwrap_or_default(),
                Err(error) if is_timeout(&error) => return Err(Error::Stalled.into()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
            if Instant::now() > end {
                return Err(Error::Stalled.into());
            }
        }
        Ok(())
    }

    /// Closes such that our last words arrive: a socket with unread bytes would take them back.
    fn part(&mut self) {
        let end = Instant::now() + FAREWELL;
        let mut rest = [0; 1024];
        let _ = self.stream.shutdown(Shutdown::Write);
        while Instant::now() < end && !matches!(self.stream.read(&mut rest), Ok(0)) {}
    }
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}

/// What an exchange did, for a JSON document.
fn document(tally: &Tally, report: &Report) -> Map<String, Value> {
    let mut document = tally_document(tally);
    document.insert("sent".into(), json!(report.sent));
    document.insert("oversized".into(), json!(report.oversized));
    document.insert("malformed_frames".into(), json!(report.malformed));
    document.insert("surplus_frames".into(), json!(report.surplus));
    document.insert("bytes_in".into(), json!(report.bytes_in));
    document.insert("bytes_out".into(), json!(report.bytes_out));
    document.insert("more".into(), json!(report.more));
    document
}

/// The hour, and what has expired goes: before each session.
fn freshen(ui: &Ui, shared: &Mutex<Shared>) -> Result<()> {
    let Shared { node, allowance } = &mut *lock(shared);
    let hour = ui.hour();
    allowance.set_now(hour);
    let freshened = node.set_now(hour).and_then(|()| node.purge());
    freshened
        .map(|_| ())
        .map_err(|error| of_node("beginning an exchange", error))
}
