//! `serve`: exchange with whoever comes and has the secret.

use std::collections::VecDeque;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use clap::Args;
use serde_json::json;
use wcmp::relay::exchange::Guest;
use wcmp::relay::exchange::noise::{Link, Secret};

use super::{Trouble, document, exchange, freshen, handshake, lock, random, secret};
use crate::error::{Failure, Result};
use crate::home::{self, Carrying, ClockArgs, tally_lines};
use crate::io::write_stdout;
use crate::summary::plural;
use crate::ui::{Ui, complain, say};

/// So many strangers may be about to show that they have the secret; the one that came first goes for the next.
const STRANGERS: usize = 64;

/// So many exchanges go on at once.
const PEERS: usize = 32;

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
    node: Mutex<Carrying>,
    secret: Secret,
    /// Connections that have not shown anything yet, oldest first.
    strangers: Mutex<VecDeque<(usize, TcpStream)>>,
    peers: AtomicUsize,
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
            node: Mutex::new(node),
            secret,
            strangers: Mutex::new(VecDeque::new()),
            peers: AtomicUsize::new(0),
            ui: ui.clone(),
        });
        freshen(ui, &station.node)?;
        if ui.json {
            ui.document(&json!({ "listening": address.to_string() }))?;
        } else if !ui.quiet {
            complain(&format!("listening on {address}"));
        }
        for number in 0.. {
            match listener.accept() {
                Ok((stream, _)) => station.welcome(number, stream),
                // Out of sockets, or gone before it was there: others will come.
                Err(_) => thread::sleep(Duration::from_millis(100)),
            }
        }
        Ok(())
    }
}

impl Station {
    fn welcome(self: &Arc<Self>, number: usize, stream: TcpStream) {
        let Ok(handle) = stream.try_clone() else {
            return;
        };
        {
            let mut strangers = self.strangers();
            strangers.push_back((number, handle));
            if strangers.len() > STRANGERS
                && let Some((_, oldest)) = strangers.pop_front()
            {
                let _ = oldest.shutdown(Shutdown::Both);
            }
        }
        let station = Arc::clone(self);
        // Without a thread, it is dropped and thereby closed.
        let started = thread::Builder::new().spawn(move || station.meet(number, stream));
        if started.is_err() {
            self.no_stranger(number);
        }
    }

    fn strangers(&self) -> std::sync::MutexGuard<'_, VecDeque<(usize, TcpStream)>> {
        self.strangers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn no_stranger(&self, number: usize) {
        self.strangers().retain(|(other, _)| *other != number);
    }

    fn meet(&self, number: usize, mut stream: TcpStream) {
        let known = self.recognise(&mut stream);
        self.no_stranger(number);
        // A stranger gets no answer, and is not spoken of: there are many.
        let Ok((mut link, said)) = known else {
            return;
        };
        if self.peers.fetch_add(1, Ordering::Relaxed) < PEERS {
            let exchanged = self.exchange(&mut stream, &mut link, said);
            if let Err(failure) = exchanged {
                say(&failure.lines());
            }
        }
        self.peers.fetch_sub(1, Ordering::Relaxed);
    }

    fn recognise(&self, stream: &mut TcpStream) -> core::result::Result<(Link, Vec<u8>), Trouble> {
        let mut link = Link::accept(&self.secret, random()?)?;
        let said = handshake(stream, &mut link, true)?;
        Ok((link, said))
    }

    fn exchange(&self, stream: &mut TcpStream, link: &mut Link, said: Vec<u8>) -> Result<()> {
        freshen(&self.ui, &self.node)?;
        let mut guest = Guest::new(lock(&self.node).policy());
        let (report, ended) = exchange(stream, link, said, &self.node, &mut guest, &mut |_| ());
        let mut node = lock(&self.node);
        home::forget_order(&mut node)?;
        let mut document = document(guest.tally(), &report);
        if self.ui.json {
            let trouble = ended.as_ref().err().map(Trouble::to_string);
            document.insert("error".into(), json!(trouble));
            return self.ui.document(&document);
        }
        if !self.ui.quiet {
            let mut lines = tally_lines(guest.tally(), node.policy());
            lines.push_str(&format!("sent {}\n\n", plural(report.sent, "envelope")));
            write_stdout(lines.as_bytes())?;
        }
        ended.map_err(|trouble| trouble.into_failure("exchanging".into()))
    }
}
