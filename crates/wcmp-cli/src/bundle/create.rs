//! `bundle create`.

use std::io::Cursor;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;
use wcmp::relay::bundle::{
    Export, ExportError, PART_LIMIT, Sealing, Secret, Sink, Stamp, Writer, frame_len,
};
use wcmp::wire::{MAX_ENVELOPE, sha256};
use wcmp::{EnvelopeRef, Id};

use crate::carrier::has_magic;
use crate::error::{Failure, Result};
use crate::io::{
    Access, Output, exists, is_dash, name, one_stdin, read_limited, write_stdout, writing,
};
use crate::sealed::Sealed;
use crate::summary::plural;
use crate::ui::Ui;

#[derive(Args, Debug)]
pub(crate) struct Create {
    /// The bundle; further ones, if one is not enough, get random names beside it
    #[arg(short, long, value_name = "OUT", required = true)]
    output: PathBuf,
    /// Replace an existing OUT
    #[arg(long)]
    force: bool,
    /// The envelopes; - is standard input
    #[arg(required = true)]
    envelope: Vec<PathBuf>,
    #[command(flatten)]
    sealed: Sealed,
}

/// An envelope that has an id already.
struct Member<'a> {
    id: Id,
    path: &'a Path,
    len: usize,
    /// What cannot be read a second time.
    bytes: Option<Vec<u8>>,
}

impl<'a> Member<'a> {
    fn new(path: &'a Path) -> Result<Member<'a>> {
        let bytes = read_limited(path, MAX_ENVELOPE)?;
        let view = EnvelopeRef::parse(&bytes).map_err(|error| {
            let failure = Failure::parse(format!("bundling {}", name(path)), error);
            if has_magic(&bytes) {
                return failure.hint("this is a bundle; `wcmp bundle extract` takes it apart");
            }
            failure
        })?;
        let (id, len) = (view.id(sha256), bytes.len());
        let again = !is_dash(path) && path.is_file();
        Ok(Member {
            id,
            path,
            len,
            bytes: (!again).then_some(bytes),
        })
    }

    /// The envelope, which is still the same.
    fn read(&mut self) -> Result<Vec<u8>> {
        if let Some(bytes) = self.bytes.take() {
            return Ok(bytes);
        }
        let bytes = read_limited(self.path, MAX_ENVELOPE)?;
        match EnvelopeRef::parse(&bytes) {
            Ok(view) if view.id(sha256) == self.id => Ok(bytes),
            _ => {
                let what = format!("bundling {}", name(self.path));
                Err(Failure::failed(what, "it changed meanwhile"))
            }
        }
    }
}

impl Create {
    pub(super) fn run(&self, ui: &Ui) -> Result<()> {
        one_stdin(&self.envelope)?;
        let secret = self.sealed.secret()?;
        // Before the work, that nothing is done in vain.
        let output = Output::new(Some(&self.output), Access::Usual, self.force)?;
        if !ui.json {
            output.refuse_terminal("writing the bundle")?;
        }
        let mut members = Vec::with_capacity(self.envelope.len());
        for path in &self.envelope {
            members.push(Member::new(path)?);
        }
        members.sort_by_key(|member| member.id);
        let given = members.len();
        members.dedup_by_key(|member| member.id);
        let count = members.len();

        let files = match output {
            Output::File { .. } => self.write_files(ui, &mut members, secret)?,
            output => {
                if ui.json && matches!(output, Output::Stdout) {
                    return Err(Failure::usage(
                        "bundle create",
                        "--json and the bundle both go to standard output",
                    ));
                }
                output.write(&in_memory(&mut members, secret.as_ref())?)?;
                Vec::new()
            }
        };
        ui.note(&format!(
            "{}, {} given twice",
            plural(count as u64, "envelope"),
            given - count
        ));
        if ui.json {
            let files: Vec<String> = files.iter().map(|file| name(file)).collect();
            return ui.document(&json!({"files": files, "envelopes": count}));
        }
        // Nobody could guess the names of the others.
        for file in files.iter().skip(1) {
            write_stdout(format!("{}\n", name(file)).as_bytes())?;
        }
        Ok(())
    }

    fn write_files(
        &self,
        ui: &Ui,
        members: &mut [Member<'_>],
        secret: Option<Secret>,
    ) -> Result<Vec<PathBuf>> {
        let failed = |error| match error {
            ExportError::Exists => exists(&self.output),
            ExportError::Io(error) => Failure::io(writing(&self.output), &error),
            error => Failure::failed(writing(&self.output), error),
        };
        let total = members.iter().map(|member| member.len as u64).sum();
        let bar = ui.progress(total);
        let rng = wcmp::system_rng();
        let export = match secret {
            None => Export::to_file(&self.output, self.force, rng),
            Some(secret) => Export::sealed_to_file(&self.output, self.force, secret, rng),
        };
        let mut export = export.map_err(failed)?;
        for member in members {
            let bytes = member.read()?;
            export
                .push(member.id, Stamp::NONE, &bytes)
                .map_err(failed)?;
            bar.inc(bytes.len() as u64);
        }
        let files = export.finish().map_err(failed)?;
        bar.finish_and_clear();
        Ok(files)
    }
}

/// A bundle for a pipe: one, or none.
fn in_memory(members: &mut [Member<'_>], secret: Option<&Secret>) -> Result<Vec<u8>> {
    let what = "writing the bundle";
    let frames = members.iter().map(|m| frame_len(Stamp::NONE, m.len));
    let total = 40 + frames.sum::<u64>();
    if total > PART_LIMIT {
        let why = format!("it has more than {PART_LIMIT} bytes, and a pipe takes one only");
        return Err(Failure::refused(what, "size", why).hint("name a file with -o OUT"));
    }
    let mut random = [0; 36];
    getrandom::fill(&mut random).map_err(|error| Failure::failed(what, error))?;
    let [s0, s1, s2, s3, salt @ ..] = random;
    let Ok(mut writer) = Writer::new(Vec::new(), [s0, s1, s2, s3]);
    for member in members {
        let bytes = member.read()?;
        writer
            .frame(Stamp::NONE, &bytes)
            .map_err(|error| Failure::refused(what, "size", error))?;
    }
    let Ok(bundle) = writer.finish();
    let Some(secret) = secret else {
        return Ok(bundle);
    };
    let sealed = Sealing::new(Cursor::new(Vec::new()), secret, salt).and_then(|mut sealing| {
        sealing.write(&bundle)?;
        Ok(sealing.finish()?.into_inner())
    });
    sealed.map_err(|error| Failure::io(what, &error))
}
