//! Looks through a folder of bundles and envelopes for what is addressed to a key:
//! `cargo run --example scan_folder FOLDER KEYFILE`.

use std::error::Error;
use std::fs::{self, File};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use wcmp::relay::bundle::{Event, Io, Reader};
use wcmp::wire::{MAX_ENVELOPE, sha256};
use wcmp::{EnvelopeRef, KeyPair, Provider, Readable, Receiver};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(folder), Some(key)) = (arguments.next(), arguments.next()) else {
        return Err("usage: scan_folder FOLDER KEYFILE".into());
    };
    let crypto = Provider::rust_crypto();
    let secret = fs::read_to_string(key)?;
    let me = Receiver::new(KeyPair::from_secret_text(&crypto, secret.trim_end())?);
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let now = wcmp::hour(now.try_into()?);

    let mut seen = 0;
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_file() {
            seen += scan(&crypto, &me, now, &path)?;
        }
    }
    eprintln!("{seen} envelopes looked at");
    Ok(())
}

/// Prints what is mine in one file, and says how many envelopes it holds.
fn scan(crypto: &Provider, me: &Receiver, now: u32, path: &Path) -> Result<usize, Box<dyn Error>> {
    let Ok(mut bundle) = Reader::open(Io(File::open(path)?), MAX_ENVELOPE) else {
        return Ok(0); // not a bundle
    };
    let mut seen = 0;
    while let Some(event) = bundle.next()? {
        match event {
            Event::Frame { envelope, .. } => {
                seen += 1;
                look(crypto, me, now, envelope);
            }
            Event::Damaged { offset, len } => {
                eprintln!("{}: {len} bytes damaged at {offset}", path.display());
            }
            _ => {}
        }
    }
    Ok(seen)
}

/// Prints the message in an envelope, if it is mine. What does not open is passed
/// over in silence: a scan tells nobody what it cannot read.
fn look(crypto: &Provider, me: &Receiver, now: u32, bytes: &[u8]) {
    let Ok(envelope) = EnvelopeRef::parse(bytes) else {
        return;
    };
    let Ok(readable) = Readable::new(envelope, now) else {
        return;
    };
    let Some(recognised) = readable.recognise(crypto, me) else {
        return;
    };
    if let Ok(opened) = recognised.open(crypto, &[]) {
        let text = String::from_utf8_lossy(&opened.content.body);
        println!("{} {:?}: {text:?}", envelope.id(sha256), opened.sender);
    }
}
