//! `demo`: the whole story on a real input, with real files. Every sentence that it prints is checked before; one
//! that does not hold ends it.

mod people;
mod stick;

use core::fmt;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;
use clap::builder::styling::{AnsiColor, Style};
use serde_json::json;
use wcmp::message::MAX_CONTENT;
use wcmp::{Content, EnvelopeRef, Provider, Sealer, Sender, Suite, Ttl, Way};

use self::people::People;
use self::stick::{Stick, carry, fill, flipped_copies};
use crate::error::{Failure, Result, one_line};
use crate::io::{name, read_limited};
use crate::scan::way_name;
use crate::summary::plural;
use crate::ui::{Ui, date};

const SHORT: &str = "The meeting is moved to the mill, Thursday after dark. Come by the river, \
                     bring nobody, and burn the old list.\n";

const HEADING: Style = Style::new().bold();
const FINE: Style = AnsiColor::Green.on_default().bold();
const DIM: Style = Style::new().dimmed();

/// See it work: four people, a stick through two carriers, a seized stick, a tampered copy.
#[derive(Args, Debug)]
pub(crate) struct Demo {
    /// What is sent, any file of up to 15 MiB; - is standard input [default: a short text]
    file: Option<PathBuf>,
}

impl Demo {
    pub(crate) fn run(&self, ui: &Ui) -> Result<()> {
        let (title, body) = match &self.file {
            None => ("a short text".into(), SHORT.as_bytes().to_vec()),
            Some(path) => (one_line(&name(path)), read_limited(path, MAX_CONTENT)?),
        };
        if body.len() > MAX_CONTENT {
            let why = format!("longer than {MAX_CONTENT} bytes, which no envelope holds");
            return Err(Failure::refused(format!("sending {title}"), "size", why));
        }
        let folder = tempfile::Builder::new()
            .prefix("wcmp-demo-")
            .tempdir()
            .map_err(|error| Failure::io("making a temporary folder", &error))?;
        let story = Story {
            ui,
            crypto: Provider::rust_crypto(),
            hour: ui.hour(),
            folder: folder.path(),
            checks: 0,
            started: Instant::now(),
        };
        story.tell(&title, body)
    }
}

struct Story<'a> {
    ui: &'a Ui,
    crypto: Provider,
    hour: u32,
    folder: &'a Path,
    /// Sentences that were found to hold.
    checks: u32,
    started: Instant,
}

impl Story<'_> {
    fn tell(mut self, title: &str, body: Vec<u8>) -> Result<()> {
        let people = People::meet(&self.crypto)?;
        let folder = self.folder.display();
        self.line(format_args!(
            "{DIM}Four people, each with a folder in {folder}: real files, removed at the end.{DIM:#}"
        ))?;

        self.heading("Ana writes to Ben and Cleo")?;
        let content = Content::new(content_type(&body), body);
        let envelope = self.seal(&people, &content, Suite::SealedAes256Gcm)?;
        let length = content.body.len();
        self.line(format_args!(
            "{title}, {length} bytes, becomes one envelope of {} bytes: padded, signed, encrypted,",
            envelope.len()
        ))?;
        self.line(
            "with 4 slots, of which 2 are dummies. Ben has Ana's key, she has his; to Cleo,",
        )?;
        self.line("who does not know her yet, she introduces herself.")?;

        self.heading("The stick")?;
        let stick = self.first_stick(&envelope, length)?;
        self.line(format_args!(
            "It lies among {} that Ana carries for others: {} bytes as {},",
            plural(stick.envelopes.len() as u64 - 1, "envelope"),
            stick.size,
            stick.name(),
        ))?;
        self.line(
            "sorted by id, dated 1980; it does not say who wrote what, nor where it has been.",
        )?;

        self.heading("First carrier: Dan")?;
        let stick = self.through_dan(&people, &stick)?;
        self.heading("Checkpoint: Dan's stick is seized and copied")?;
        self.seized(&people, &stick, &content)?;
        self.heading("Second carrier: Ben, who is a receiver too")?;
        let stick = self.through_ben(&people, &stick, &content)?;
        self.heading("Cleo")?;
        self.reaching_cleo(&people, &stick, &content)?;
        self.heading("A tampered copy")?;
        self.tampered(&people, &envelope)?;
        self.end(&envelope)
    }

    /// Counts what holds, and ends the story with what does not.
    fn check(&mut self, holds: bool, what: &str) -> Result<()> {
        if !holds {
            return Err(Failure::failed(
                "the demo",
                format!("this does not hold: {what}"),
            ));
        }
        self.checks += 1;
        Ok(())
    }

    fn line(&self, line: impl fmt::Display) -> Result<()> {
        self.print(format_args!("  {line}\n"))
    }

    fn heading(&self, heading: &str) -> Result<()> {
        self.print(format_args!("\n{HEADING}{heading}{HEADING:#}\n"))
    }

    /// Colours come off where they are not wanted.
    fn print(&self, text: fmt::Arguments<'_>) -> Result<()> {
        if self.ui.json {
            return Ok(());
        }
        let mut stdout = anstream::stdout().lock();
        stdout
            .write_fmt(text)
            .and_then(|()| stdout.flush())
            .map_err(|error| Failure::io("writing standard output", &error))
    }

    fn seal(&self, people: &People, content: &Content, suite: Suite) -> Result<Vec<u8>> {
        let mut rng = wcmp::system_rng();
        let expires = Ttl::Week
            .expires(self.hour, &mut rng)
            .map_err(|error| Failure::failed("drawing the hour of expiry", error))?;
        let sealer = Sealer::new(suite, expires)
            .from(&people.ana)
            .to(people.cleo.keys().public())
            .introduce();
        let sealer = match suite {
            Suite::SealedAes256Gcm => sealer.to_contact(&people.ben_for_ana),
            _ => sealer.to(people.ben.keys().public()),
        };
        sealer
            .seal(&self.crypto, content, &mut rng)
            .map_err(|error| Failure::seal("sealing", error))
    }

    fn first_stick(&mut self, envelope: &[u8], length: usize) -> Result<Stick> {
        let mut rng = wcmp::system_rng();
        let mut envelopes = vec![envelope.to_vec()];
        // Messages to nobody; one of them as long as Ana's.
        for length in [0, 0, 700, 3000, 20_000, length] {
            let expires = Ttl::Month.expires(self.hour, &mut rng);
            let expires =
                expires.map_err(|error| Failure::failed("drawing the hour of expiry", error))?;
            let dummy = Sealer::dummy(Suite::SealedAes256Gcm, expires)
                .seal(&self.crypto, &Content::new("", vec![0; length]), &mut rng)
                .map_err(|error| Failure::seal("sealing a dummy", error))?;
            envelopes.push(dummy);
        }
        let stick = fill(&self.home("ana")?, envelopes)?;
        self.check(stick.is_sorted(), "the stick is sorted by id")?;
        Ok(stick)
    }

    fn through_dan(&mut self, people: &People, from: &Stick) -> Result<Stick> {
        let found = people.look(&self.crypto, &people.dan, from, self.hour);
        self.check(found.matches.is_empty(), "nothing is for Dan")?;
        let stick = carry(from, &self.home("dan")?)?;
        self.check(
            stick.envelopes == from.envelopes,
            "Dan carries everything on",
        )?;
        self.check(
            !stick.shares_frames(from),
            "Dan's file shares no frame with Ana's",
        )?;
        self.line(format_args!(
            "He tries {} hints: nothing is his. He takes all {}, and gives on a file of his own,",
            found.tried,
            stick.envelopes.len()
        ))?;
        self.line("framed under a new salt: it has not one frame in common with Ana's.")?;
        Ok(stick)
    }

    fn seized(&mut self, people: &People, stick: &Stick, content: &Content) -> Result<()> {
        let views = stick.views()?;
        for view in views.iter().take(3) {
            let id = view.id(self.crypto.sha256).to_string();
            self.line(format_args!(
                "{DIM}{}..  {} bytes  {} slots  expires {}{DIM:#}",
                id.get(..16).unwrap_or(&id),
                view.as_bytes().len(),
                view.slots(),
                date(view.expires()),
            ))?;
        }
        self.line(format_args!(
            "{DIM}and {} more. That is all it shows.{DIM:#}",
            views.len().saturating_sub(3)
        ))?;

        let seen = people.look_with_public_keys(&self.crypto, &views);
        self.check(seen.matches == 0, "no public key recognises anything")?;
        self.line(format_args!(
            "The police hold the public keys of all four: {} hints and signatures tried, {FINE}0 match{FINE:#}.",
            seen.tried
        ))?;
        let open = self.seal(people, content, Suite::OpenAes256Gcm)?;
        let open = EnvelopeRef::parse(&open).map_err(|error| Failure::parse("the demo", error))?;
        let control = people.look_with_public_keys(&self.crypto, &[open]);
        self.check(control.matches == 4, "public keys recognise an open suite")?;
        self.line(format_args!(
            "{DIM}(The same letter in the open suite 0x0001: {} match, both receivers and Ana twice.){DIM:#}",
            control.matches
        ))?;

        let file = stick.read()?;
        let mut secrets = people.public_bytes();
        // Any file has two bytes in common with any other.
        if content.body.len() >= 16 {
            secrets.push(content.body.iter().take(64).copied().collect());
        }
        let bare = secrets.iter().all(|secret| !contains(&file, secret));
        self.check(bare, "neither keys nor the message are in the file")?;
        self.line("Neither the message nor anybody's key is to be found in the file.")
    }

    fn through_ben(&mut self, people: &People, from: &Stick, content: &Content) -> Result<Stick> {
        let found = people.look(&self.crypto, &people.ben, from, self.hour);
        let [(view, slot, way)] = found.matches.as_slice() else {
            return Err(Failure::failed(
                "the demo",
                "Ben does not find one envelope",
            ));
        };
        self.check(matches!(way, Way::Pair(_)), "Ben knows it by the pair hint")?;
        let opened = people
            .open(&self.crypto, &people.ben, view, self.hour)
            .map_err(|error| Failure::open("opening as Ben", error))?;
        let known = opened.sender == Sender::Known(people.ana.public().clone());
        self.check(known, "Ben knows that Ana wrote it")?;
        self.check(
            self.kept(&opened.content, content, "ben")?,
            "Ben has every byte",
        )?;
        self.line(format_args!(
            "{} hints tried, one is his: slot {slot}, by the {} hint that only Ana and he can make.",
            found.tried,
            way_name(*way)
        ))?;
        self.line(format_args!(
            "{FINE}He reads it, {} bytes as they were, and knows that Ana wrote it.{FINE:#}",
            opened.content.body.len()
        ))?;
        let stick = carry(from, &self.home("ben")?)?;
        self.check(
            stick.envelopes == from.envelopes,
            "Ben carries everything on",
        )?;
        self.line(format_args!(
            "Then he gives on all {}, his own too: his stick tells no more than Dan's.",
            stick.envelopes.len()
        ))?;
        Ok(stick)
    }

    fn reaching_cleo(&mut self, people: &People, from: &Stick, content: &Content) -> Result<()> {
        let found = people.look(&self.crypto, &people.cleo, from, self.hour);
        let [(view, slot, way)] = found.matches.as_slice() else {
            return Err(Failure::failed(
                "the demo",
                "Cleo does not find one envelope",
            ));
        };
        self.check(*way == Way::Stranger, "Cleo knows it by the stranger hint")?;
        let opened = people
            .open(&self.crypto, &people.cleo, view, self.hour)
            .map_err(|error| Failure::open("opening as Cleo", error))?;
        let introduced = opened.sender == Sender::Introduced(people.ana.public().clone());
        self.check(introduced, "Cleo gets to know Ana's key")?;
        self.check(
            self.kept(&opened.content, content, "cleo")?,
            "Cleo has every byte",
        )?;
        self.line(format_args!(
            "{} hints tried, one is hers: slot {slot}, by the {} hint.",
            found.tried,
            way_name(*way)
        ))?;
        self.line(format_args!(
            "{FINE}She reads the same bytes, signed with a key she has not met:{FINE:#} {}",
            people.ana.public().fingerprint()
        ))?;
        self.line(
            "On the telephone Ana reads out the same six groups. Who else got it, and whether",
        )?;
        self.line("anybody did, neither Cleo nor Ben can tell.")
    }

    fn tampered(&mut self, people: &People, envelope: &[u8]) -> Result<()> {
        let copies = flipped_copies(&self.home("censor")?, envelope)?;
        self.check(
            copies.complete,
            "the censor's bundle is whole by its checksums",
        )?;
        let mut codes = copies.refused;
        for copy in &copies.envelopes {
            match people.open(&self.crypto, &people.cleo, copy, self.hour) {
                Ok(_) => {}
                Err(error) => codes.push(error.code()),
            }
        }
        self.check(
            codes.len() == copies.count,
            "every tampered copy is refused",
        )?;
        self.line(format_args!(
            "A censor flips one bit in each of {} copies, and makes the bundle's checksums right.",
            copies.count
        ))?;
        self.line(format_args!(
            "{FINE}Cleo's program opens none of them:{FINE:#} {}.",
            counted(codes)
        ))
    }

    fn end(&self, envelope: &[u8]) -> Result<()> {
        let seconds = self.started.elapsed().as_secs_f64();
        if self.ui.json {
            return self.ui.document(&json!({
                "checks": self.checks,
                "envelope_size": envelope.len(),
                "seconds": seconds,
            }));
        }
        self.print(format_args!(
            "\n{FINE}All {} checks hold.{FINE:#} {seconds:.2} seconds.\n",
            self.checks
        ))
    }

    /// Whether it is what was sent, after it was written to a file and read back.
    fn kept(&self, opened: &Content, sent: &Content, who: &str) -> Result<bool> {
        let path = self.home(who)?.join("message");
        let written = fs::write(&path, &opened.body).and_then(|()| fs::read(&path));
        let read =
            written.map_err(|error| Failure::io(format!("writing {}", path.display()), &error))?;
        Ok(read == *sent.body && opened == sent)
    }

    /// Somebody's folder.
    fn home(&self, who: &str) -> Result<PathBuf> {
        let home = self.folder.join(who);
        fs::create_dir_all(&home)
            .map_err(|error| Failure::io(format!("making {}", home.display()), &error))?;
        Ok(home)
    }
}

fn content_type(body: &[u8]) -> &'static str {
    match core::str::from_utf8(body) {
        Ok(_) => "text/plain",
        Err(_) => "application/octet-stream",
    }
}

fn contains(file: &[u8], wanted: &[u8]) -> bool {
    file.windows(wanted.len()).any(|window| window == wanted)
}

/// `12 bad-payload, 3 malformed`.
fn counted(mut codes: Vec<&'static str>) -> String {
    codes.sort_unstable();
    let runs = codes.chunk_by(|a, b| a == b);
    let runs = runs.filter_map(|run| Some(format!("{} {}", run.len(), run.first()?)));
    runs.collect::<Vec<_>>().join(", ")
}
