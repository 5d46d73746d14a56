//! `serve`: exchange with whoever comes and has the secret.

use std::net::{IpAddr, Ipv6Addr, Shutdown, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use clap::Args;
use serde_json::json;
use wcmp::relay::exchange::noise::{Link, Secret};
use wcmp::relay::exchange::{Guest, MAX_SYMBOLS};

use super::{Desk, Shared, Trouble, document, exchange, freshen, handshake, lock, random, secret};
use crate::error::{Failure, Result};
use crate::home::{self, ClockArgs, tally_lines};
use crate::io::write_stdout;
use crate::summary::plural;
use crate::ui::{Ui, say};

/// So many strangers may be about to show that they have the secret, and so many from one address. For one more a random
/// one goes, of that address or of all: who came first could be made to go by coming often.
const STRANGERS: usize = 64;
const STRANGERS_EACH: usize = 8;

/// So many exchanges go on at once, and so many with one address. Others are to come again.
///
/// Each takes 32 bytes of memory for each envelope that may be handed on, and about 48 for each symbol of the one of the two
/// sides that takes them apart.
const PEERS: usize = 16;
const PEERS_EACH: usize = 4;

/// Symbols of an exchange that is not the only one: with that of the first they take at most twice what one alone does,
/// 200 MiB. A session that would need more compares some of the days.
const SYMBOLS: u32 = MAX_SYMBOLS / 16;

/// Exchange envelopes with all who come and have the secret
///
/// Runs until it is stopped, which may be at any time. Who comes without the secret gets no answer. Nothing is kept or
/// said about who came.
#[derive(Args, Debug)]
pub(crate) struct Serve {
    /// Where to listen, such as 0.0.0.0:7117; with port 0 the system chooses one
    #[arg(value_name = "ADDR")]
    address: String,
    /// The 32 bytes that both sides exchanged in person
    #[arg(long, value_name = "FILE")]
    secret_file: PathBuf,
    #[command(flatten)]
    clock: ClockArgs,
}

/// What all threads share.
struct Station {
    shared: Mutex<Shared>,
    secret: Secret,
    /// Connections that have not shown anything yet: number, and where from.
    strangers: Mutex<Vec<(usize, IpAddr, TcpStream)>>,
    /// Where those are from with whom an exchange goes on.
    peers: Mutex<Vec<IpAddr>>,
    ui: Ui,
}

impl Serve {
    pub(crate) fn run(&self, ui: &Ui) -> Result<()> {
        let secret = secret(&self.secret_file)?;
        let node = home::open(ui, Some(&self.clock))?;
        let what = || format!("listening on {}", self.address);
        let listener = TcpListener::bind(&self.address);
        let listener = listener.map_err(|error| Failure::io(what(), &error))?;
        let address = listener.local_addr();
        let address = address.map_err(|error| Failure::io(what(), &error))?;
        let station = Arc::new(Station {
            shared: Shared::new(node),
            secret,
            strangers: Mutex::new(Vec::new()),
            peers: Mutex::new(Vec::new()),
            ui: ui.clone(),
        });
        freshen(ui, &station.shared)?;
        // For scripts, who cannot know the port otherwise.
        if ui.json {
            ui.document(&json!({ "listening": address.to_string() }))?;
        } else if !ui.quiet {
            write_stdout(format!("listening on {address}\n").as_bytes())?;
        }
        for number in 0.. {
            match listener.accept() {
                Ok((stream, from)) => station.welcome(number, stream, place(from.ip())),
                // Out of sockets, or gone before it was there: others will come.
                Err(_) => thread::sleep(Duration::from_millis(100)),
            }
        }
        Ok(())
    }
}

/// What counts as one address: of IPv6 the half that a network is given.
fn place(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(six) => Ipv6Addr::from_bits(six.to_bits() >> 64 << 64).into(),
        four => four,
    }
}

/// A random one of these; if there are no random numbers, the last.
fn one_of(places: &[usize]) -> Option<usize> {
    let number = random().map_or(usize::MAX, usize::from_be_bytes);
    places.get(number.checked_rem(places.len())?).copied()
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Station {
    fn welcome(self: &Arc<Self>, number: usize, stream: TcpStream, from: IpAddr) {
        let Ok(handle) = stream.try_clone() else {
            return;
        };
        {
            let mut strangers = locked(&self.strangers);
            strangers.push((number, from, handle));
            let same = |(place, (_, other, _)): (usize, &(_, IpAddr, _))| {
                (*other == from).then_some(place)
            };
            let same: Vec<usize> = strangers.iter().enumerate().filter_map(same).collect();
            let too_many = if same.len() > STRANGERS_EACH {
                same
            } else if strangers.len() > STRANGERS {
                (0..strangers.len()).collect()
            } else {
                Vec::new()
            };
            if let Some(place) = one_of(&too_many) {
                let (_, _, gone) = strangers.swap_remove(place);
                let _ = gone.shutdown(Shutdown::Both);
            }
        }
        let station = Arc::clone(self);
        // Without a thread, it is dropped and thereby closed.
        let started = thread::Builder::new().spawn(move || station.meet(number, stream, from));
        if started.is_err() {
            self.no_stranger(number);
        }
    }

    fn no_stranger(&self, number: usize) {
        locked(&self.strangers).retain(|(other, _, _)| *other != number);
    }

    fn meet(&self, number: usize, mut stream: TcpStream, from: IpAddr) {
        let known = self.recognise(&mut stream);
        self.no_stranger(number);
        // A stranger gets no answer, and is not spoken of: there are many.
        let Ok((mut link, said)) = known else {
            return;
        };
        let Some(others) = self.enter(from) else {
            return;
        };
        let symbols = if others == 0 { MAX_SYMBOLS } else { SYMBOLS };
        let exchanged = self.exchange((&mut stream, &mut link), said, symbols);
        self.leave(from);
        if let Err(failure) = exchanged {
            say(&failure.lines());
        }
    }

    /// Takes a place, and says how many others are taken.
    fn enter(&self, from: IpAddr) -> Option<usize> {
        let mut peers = locked(&self.peers);
        let same = peers.iter().filter(|other| **other == from).count();
        let others = peers.len();
        (others < PEERS && same < PEERS_EACH).then(|| {
            peers.push(from);
            others
        })
    }

    fn leave(&self, from: IpAddr) {
        let mut peers = locked(&self.peers);
        if let Some(place) = peers.iter().position(|other| *other == from) {
            peers.swap_remove(place);
        }
    }

    fn recognise(&self, stream: &mut TcpStream) -> core::result::Result<(Link, Vec<u8>), Trouble> {
        let mut link = Link::accept(&self.secret, random()?)?;
        let said = handshake(stream, &mut link, true)?;
        Ok((link, said))
    }

    fn exchange(
        &self,
        over: (&mut TcpStream, &mut Link),
        said: Vec<u8>,
        symbols: u32,
    ) -> Result<()> {
        freshen(&self.ui, &self.shared)?;
        let mut guest = Guest::new(lock(&self.shared).node.policy());
        let desk = Desk {
            shared: &self.shared,
            guest: &mut guest,
        };
        let (report, ended) = exchange(over, said, desk, symbols, &mut |_| ());
        let (forgotten, mut lines) = {
            let node = &mut lock(&self.shared).node;
            let lines = tally_lines(guest.tally(), node.policy());
            (home::forget_order(node), lines)
        };
        let mut document = document(guest.tally(), &report);
        if self.ui.json {
            let trouble = ended.as_ref().err().map(Trouble::to_string);
            document.insert("error".into(), json!(trouble));
            return self.ui.document(&document).and(forgotten);
        }
        if !self.ui.quiet {
            lines.push_str(&format!("sent {}\n\n", plural(report.sent, "envelope")));
            write_stdout(lines.as_bytes())?;
        }
        ended
            .map_err(|trouble| trouble.into_failure("exchanging".into()))
            .and(forgotten)
    }
}
