//! `open`: an envelope back into a message.

use std::path::PathBuf;

use clap::Args;
use data_encoding::{BASE64, HEXLOWER};
use serde::Serialize;
use wcmp::wire::MAX_ENVELOPE;
use wcmp::{
    Extension, KeyPair, OpenError, Opened, Provider, PublicKey, Readable, Receiver, Sender,
};

use crate::carrier;
use crate::error::{Failure, Result, one_line};
use crate::io::{Access, Output, name, one_stdin, read_limited};
use crate::keys;
use crate::ui::Ui;

/// Open an envelope with the first key that fits.
#[derive(Args, Debug)]
pub(crate) struct Open {
    /// A key of mine; once for each
    #[arg(long, value_name = "KEYFILE", required = true)]
    key: Vec<PathBuf>,
    /// The public key of somebody who was given these keys of mine; once for each
    #[arg(long, value_name = "PUBLICKEY")]
    contact: Vec<String>,
    /// Where the message goes [default: standard output]
    #[arg(short, long, value_name = "OUT")]
    output: Option<PathBuf>,
    /// Replace an existing OUT
    #[arg(long)]
    force: bool,
    /// The envelope
    #[arg(default_value = "-")]
    envelope: PathBuf,
}

/// The JSON document.
#[derive(Serialize)]
struct Document {
    status: &'static str,
    sender: Option<String>,
    reply: Option<String>,
    content_type: String,
    body: String,
    extensions: Vec<ExtensionDocument>,
    expires: u32,
    core: String,
    id: String,
    slot: usize,
    /// The key file that opened it.
    key: String,
}

#[derive(Serialize)]
struct ExtensionDocument {
    id: u32,
    data: String,
}

impl Open {
    pub(crate) fn run(self, ui: &Ui) -> Result<()> {
        let crypto = Provider::rust_crypto();
        let inputs = self.key.iter().chain([&self.envelope]);
        one_stdin(inputs)?;
        let output = Output::new(self.output.as_deref(), Access::Secret, self.force)?;
        let keys = keys::load_all(&crypto, &self.key)?;
        let contacts = keys::public_all(&self.contact)?;

        let bytes = read_limited(&self.envelope, MAX_ENVELOPE)?;
        let what = format!("opening {}", name(&self.envelope));
        let readable = Readable::parse(&bytes, ui.hour()).map_err(|error| {
            let failure = Failure::open(&what, error);
            if carrier::has_magic(&bytes) {
                return failure.hint("this is a bundle; `wcmp bundle extract` takes it apart");
            }
            if error == OpenError::Expired {
                return failure.hint("--now HOURS opens it as of another hour");
            }
            failure
        })?;
        let (opened, key) = open_with_any(&crypto, &readable, keys, &contacts)
            .map_err(|error| Failure::open(&what, error))?;

        let id = readable.envelope().id(crypto.sha256).to_string();
        let key = self.key.get(key).map(PathBuf::as_path);
        self.deliver(ui, output, opened, id, key.map(name).unwrap_or_default())
    }

    fn deliver(
        &self,
        ui: &Ui,
        output: Output,
        opened: Opened,
        id: String,
        key: String,
    ) -> Result<()> {
        let body = &opened.content.body;
        let in_document = ui.json && matches!(output, Output::Stdout);
        if !in_document {
            let to_terminal = output.is_terminal();
            if to_terminal && !is_plain_text(body) {
                output
                    .refuse_terminal("showing the message")
                    .map_err(|failure| {
                        failure.hint("write it to a file with -o OUT, or see --json")
                    })?;
            }
            output.write(body)?;
            if to_terminal && !body.ends_with(b"\n") {
                ui.note("");
            }
        }
        ui.note(&about(&opened));
        if ui.json {
            ui.document(&document(&opened, id, key))?;
        }
        Ok(())
    }
}

/// The message, and the place of the key that opened it. One key's error does not keep the next from being tried; if
/// none opens, a refusal says more than that a key does not fit.
fn open_with_any(
    crypto: &Provider,
    readable: &Readable<'_>,
    keys: Vec<KeyPair>,
    contacts: &[PublicKey],
) -> core::result::Result<(Opened, usize), OpenError> {
    let mut refusal = None;
    for (place, key) in keys.into_iter().enumerate() {
        let mut receiver = Receiver::new(key);
        for contact in contacts {
            receiver.add_contact(crypto, contact.clone());
        }
        let Some(recognised) = readable.recognise(crypto, &receiver) else {
            continue;
        };
        match recognised.open(crypto, &[]) {
            Ok(opened) => return Ok((opened, place)),
            Err(OpenError::NotForMe) => {}
            Err(error) => refusal = refusal.or(Some(error)),
        }
    }
    Err(refusal.unwrap_or(OpenError::NotForMe))
}

/// What a terminal may show as it stands: UTF-8 whose only control characters are tabs and line breaks.
fn is_plain_text(body: &[u8]) -> bool {
    let Ok(text) = core::str::from_utf8(body) else {
        return false;
    };
    let text = text.replace("\r\n", "\n");
    !text
        .chars()
        .any(|c| c.is_control() && c != '\n' && c != '\t')
}

pub(crate) fn status(sender: &Sender) -> &'static str {
    match sender {
        Sender::Known(_) => "known",
        Sender::Introduced(_) => "introduced",
        Sender::Anonymous => "anonymous",
    }
}

/// A line on who wrote it and what it is.
fn about(opened: &Opened) -> String {
    let who = match &opened.sender {
        Sender::Known(key) => format!("known: signed by your contact {}", key.fingerprint()),
        Sender::Introduced(key) => format!(
            "introduced: signed with a key that came along, {}; whose it is, it does not say",
            key.fingerprint()
        ),
        Sender::Anonymous => "anonymous: nothing says who wrote it".into(),
    };
    let content = &opened.content;
    let mut line = match one_line(&content.content_type) {
        what if what.is_empty() => format!("{who}; {} bytes", content.body.len()),
        what => format!("{who}; {what}, {} bytes", content.body.len()),
    };
    if opened.reply.is_some() {
        line.push_str("; offers a key to answer to (see --json)");
    }
    line
}

fn document(opened: &Opened, id: String, key: String) -> Document {
    let text = |key: &PublicKey| key.to_text().to_string();
    let extension = |extension: &Extension| ExtensionDocument {
        id: extension.id,
        data: HEXLOWER.encode(&extension.data),
    };
    Document {
        status: status(&opened.sender),
        sender: opened.sender.public_key().map(text),
        reply: opened.reply.as_ref().map(text),
        content_type: opened.content.content_type.clone(),
        body: BASE64.encode(&opened.content.body),
        extensions: opened.content.extensions.iter().map(extension).collect(),
        expires: opened.expires,
        core: HEXLOWER.encode(&opened.core.0),
        id,
        slot: opened.slot,
        key,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_text_is_plain() {
        assert!(is_plain_text("".as_bytes()));
        assert!(is_plain_text("one\ttwo\nthr\u{e9}e\r\n".as_bytes()));
        for other in ["\u{1b}[2J", "a\rb", "\u{9b}2J", "\u{0}", "\u{7f}", "\u{8}"] {
            assert!(!is_plain_text(other.as_bytes()), "{other:?}");
        }
        assert!(!is_plain_text(&[0xff]));
    }
}
