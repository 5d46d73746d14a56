//! `sync`: exchange with a node that serves.

use std::net::{TcpStream, ToSocketAddrs};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Args;
use indicatif::ProgressBar;
use wcmp::relay::exchange::noise::Link;
use wcmp::relay::exchange::{Guest, MAX_SYMBOLS, Report};

use super::{
    Desk, HANDSHAKE, Shared, Trouble, document, exchange, freshen, handshake, lock, random, secret,
};
use crate::error::{Failure, Result};
use crate::home::{self, ClockArgs, tally_lines};
use crate::io::write_stdout;
use crate::summary::plural;
use crate::ui::Ui;

/// Exchange envelopes with a node that serves
///
/// Afterwards both have what both may have. Broken off, it has lost nothing: do it again. Whoever listens on the wire
/// sees that two nodes exchange, and about how much.
#[derive(Args, Debug)]
pub(crate) struct Sync {
    /// Where it serves
    #[arg(value_name = "HOST:PORT")]
    address: String,
    /// The 32 bytes that both sides exchanged in person
    #[arg(long, value_name = "FILE")]
    secret_file: PathBuf,
    #[command(flatten)]
    clock: ClockArgs,
}

impl Sync {
    pub(crate) fn run(&self, ui: &Ui) -> Result<()> {
        let what = || format!("exchanging with {}", self.address);
        let secret = secret(&self.secret_file)?;
        let shared = Shared::new(home::open(ui, Some(&self.clock))?);
        freshen(ui, &shared)?;
        let mut stream = self.connect()?;
        let entropy = random().map_err(|error| Failure::io(what(), &error))?;
        let mut link = Link::connect(&secret, entropy)
            .map_err(|error| Trouble::from(error).into_failure(what()))?;
        let said = handshake(&mut stream, &mut link, false)
            .map_err(|trouble| trouble.into_failure(what()))?;

        let bar = ui.spinner();
        let mut last = Instant::now();
        let mut each = |report: &Report| {
            if last.elapsed() > Duration::from_millis(200) {
                bar.set_message(progress(report));
                last = Instant::now();
            }
        };
        let mut guest = Guest::new(lock(&shared).node.policy());
        let desk = Desk {
            shared: &shared,
            guest: &mut guest,
        };
        let over = (&mut stream, &mut link);
        let (report, ended) = exchange(over, said, desk, MAX_SYMBOLS, &mut each);
        ProgressBar::finish_and_clear(&bar);
        let node = &mut lock(&shared).node;
        let forgotten = home::forget_order(node);

        let document = document(guest.tally(), &report);
        if ui.json {
            return match ended
                .map_err(|trouble| trouble.into_failure(what()))
                .and(forgotten)
            {
                Ok(()) => ui.document(&document),
                Err(failure) => Err(failure.with(document)),
            };
        }
        if !ui.quiet {
            let mut lines = tally_lines(guest.tally(), node.policy());
            lines.push_str(&format!("sent {}\n", plural(report.sent, "envelope")));
            if report.more {
                lines.push_str("there is more: do it again\n");
            }
            write_stdout(lines.as_bytes())?;
        }
        ended
            .map_err(|trouble| trouble.into_failure(what()))
            .and(forgotten)
    }

    fn connect(&self) -> Result<TcpStream> {
        let what = || format!("connecting to {}", self.address);
        let addresses = self.address.to_socket_addrs();
        let addresses = addresses.map_err(|error| Failure::io(what(), &error))?;
        let mut failure = Failure::failed(what(), "this host has no address");
        for address in addresses {
            match TcpStream::connect_timeout(&address, HANDSHAKE) {
                Ok(stream) => return Ok(stream),
                Err(error) => failure = Failure::io(what(), &error),
            }
        }
        Err(failure)
    }
}

fn progress(report: &Report) -> String {
    format!(
        "{} of {} received, {} sent, {} KiB",
        report.received,
        report.wanted.max(report.received),
        report.sent,
        (report.bytes_in + report.bytes_out) / 1024
    )
}
