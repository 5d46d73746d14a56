//! `seal`: one message into one envelope.

use std::path::{Path, PathBuf};

use clap::Args;
use data_encoding::BASE64;
use serde_json::{Map, json};
use wcmp::message::MAX_CONTENT;
use wcmp::{
    Contact, Content, EnvelopeRef, Extension, KeyPair, Provider, PublicKey, Sealer, Suite, SuiteId,
    Ttl,
};
use zeroize::Zeroizing;

use crate::args;
use crate::error::{Failure, Result};
use crate::io::{Access, Output, name, one_stdin, read_limited};
use crate::keys;
use crate::ui::{Ui, date};

/// Seal a message: one envelope for all receivers.
#[derive(Args, Debug)]
pub(crate) struct Seal {
    /// A receiver; once for each
    #[arg(long, value_name = "PUBLICKEY", required_unless_present = "dummy")]
    to: Vec<String>,
    /// A message to nobody, which no observer tells from a message; nothing is read unless INPUT is named
    #[arg(long, conflicts_with = "to")]
    dummy: bool,
    /// Sign with this key [default: anonymous]
    #[arg(long, value_name = "KEYFILE")]
    from: Option<PathBuf>,
    /// A receiver who surely holds the sender's key; once for each
    #[arg(long, value_name = "PUBLICKEY")]
    pair: Vec<String>,
    /// The suite: 0x0001, 0x0002, 0x0101 and 0x0102 for keys of type 1, 0x0003 for keys of type 2
    #[arg(long, value_name = "ID", default_value = "0x0101", value_parser = args::suite)]
    suite: u16,
    /// Tell the receivers the sender's key
    #[arg(long)]
    introduce: bool,
    /// Offer this key to answer to
    #[arg(long, value_name = "KEYFILE")]
    reply: Option<PathBuf>,
    /// Offer it to several receivers, who recognise each other's answers by it
    #[arg(long, requires = "reply")]
    shared_reply: bool,
    /// What the message is, such as text/plain [default: not said]
    #[arg(long, value_name = "T", default_value = "", hide_default_value = true)]
    content_type: String,
    /// A further field, a number and its bytes in hex; once for each
    #[arg(long, value_name = "ID=HEX", value_parser = args::extension)]
    extension: Vec<Extension>,
    /// How long carriers hand it on at most, 24h, 7d or 30d: the hour is drawn from the second half
    #[arg(long, default_value = "7d", value_parser = args::ttl, conflicts_with = "expires")]
    ttl: Ttl,
    /// The last hour in which carriers hand it on, counted from 1970
    #[arg(long, value_name = "HOUR")]
    expires: Option<u32>,
    /// At least so many slots; what is not needed holds dummies
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    slots: usize,
    /// The 32 bytes that everything random comes from (64 hex digits); for test vectors, never for messages
    #[arg(long, value_name = "HEX", value_parser = args::hex32)]
    entropy: Option<[u8; 32]>,
    /// Where the envelope goes [default: standard output]
    #[arg(short, long, value_name = "OUT")]
    output: Option<PathBuf>,
    /// Replace an existing OUT
    #[arg(long)]
    force: bool,
    /// The message [default: standard input]
    input: Option<PathBuf>,
}

/// A receiver, and whether the sender is known to them.
enum To {
    Stranger(PublicKey),
    Paired(Box<Contact>),
}

impl Seal {
    pub(crate) fn run(self, ui: &Ui) -> Result<()> {
        let crypto = Provider::rust_crypto();
        let mut rng = wcmp::system_rng();
        one_stdin(self.inputs())?;
        let suite = Suite::try_from(SuiteId(self.suite)).map_err(|_| {
            let why = format!("suite {:#06x} is not known", self.suite);
            Failure::refused("sealing", "suite", why)
        })?;
        let output = Output::new(self.output.as_deref(), Access::Usual, self.force)?;
        if !ui.json {
            output.refuse_terminal("writing the envelope")?;
        }

        let load = |path: &Option<PathBuf>| -> Result<Option<KeyPair>> {
            path.as_deref()
                .map(|path| keys::load(&crypto, path))
                .transpose()
        };
        let sender = load(&self.from)?;
        let reply = load(&self.reply)?;
        let receivers = self.receivers(&crypto, sender.as_ref())?;
        let expires = match self.expires {
            Some(hour) => hour,
            None => self
                .ttl
                .expires(ui.hour(), &mut rng)
                .map_err(|error| Failure::failed("drawing the hour of expiry", error))?,
        };

        let mut sealer = if self.dummy {
            Sealer::dummy(suite, expires)
        } else {
            Sealer::new(suite, expires)
        };
        if let Some(sender) = &sender {
            sealer = sealer.from(sender);
        }
        for receiver in &receivers {
            sealer = match receiver {
                To::Stranger(public) => sealer.to(public),
                To::Paired(contact) => sealer.to_contact(contact),
            };
        }
        if self.introduce {
            sealer = sealer.introduce();
        }
        if let Some(reply) = &reply {
            sealer = if self.shared_reply {
                sealer.shared_reply_key(reply)
            } else {
                sealer.reply_key(reply)
            };
        }
        let sealer = sealer.slots(self.slots);

        let content = self.content()?;
        let envelope = match &self.entropy {
            Some(entropy) => {
                let entropy = Zeroizing::new(*entropy);
                sealer.seal_with_entropy(&crypto, &content, &entropy, &mut rng)
            }
            None => sealer.seal(&crypto, &content, &mut rng),
        };
        let envelope = envelope.map_err(|error| Failure::seal("sealing", error))?;
        self.deliver(ui, &crypto, output, &envelope)
    }

    /// All files that may be standard input.
    fn inputs(&self) -> impl Iterator<Item = &Path> {
        let keys = [&self.from, &self.reply];
        let keys = keys.into_iter().filter_map(|path| path.as_deref());
        keys.chain(self.input_path())
    }

    /// Where the message comes from; a dummy needs none.
    fn input_path(&self) -> Option<&Path> {
        let default = (!self.dummy).then_some(Path::new("-"));
        self.input.as_deref().or(default)
    }

    fn receivers(&self, crypto: &Provider, sender: Option<&KeyPair>) -> Result<Vec<To>> {
        let to = keys::public_all(&self.to)?;
        let paired = keys::public_all(&self.pair)?;
        let refused = |why: &str| Failure::refused("sealing", "key", why);
        if !paired.iter().all(|key| to.contains(key)) {
            return Err(refused("a key of --pair is not among those of --to"));
        }
        let to = to.into_iter().map(|key| {
            if !paired.contains(&key) {
                return Ok(To::Stranger(key));
            }
            let sender = sender.ok_or_else(|| refused("--pair needs a sender, named by --from"))?;
            Ok(To::Paired(Box::new(Contact::new(crypto, sender, key))))
        });
        to.collect()
    }

    fn content(&self) -> Result<Content> {
        let body = match self.input_path() {
            Some(path) => read_limited(path, MAX_CONTENT).map_err(|failure| {
                if name(path).starts_with("wcmp1") {
                    failure.hint("every receiver needs a --to of its own")
                } else {
                    failure
                }
            })?,
            None => Vec::new(),
        };
        if body.len() > MAX_CONTENT {
            let why = format!("the message is longer than {MAX_CONTENT} bytes");
            return Err(Failure::refused("sealing", "size", why));
        }
        Ok(Content {
            content_type: self.content_type.clone(),
            body: body.into(),
            extensions: self.extension.clone(),
        })
    }

    fn deliver(&self, ui: &Ui, crypto: &Provider, output: Output, envelope: &[u8]) -> Result<()> {
        let view =
            EnvelopeRef::parse(envelope).map_err(|error| Failure::parse("sealing", error))?;
        let in_document = ui.json && matches!(output, Output::Stdout);
        if !in_document {
            output.write(envelope)?;
        }
        ui.note(&format!(
            "sealed: {} bytes, {} slots, handed on until {}",
            envelope.len(),
            view.slots(),
            date(view.expires()),
        ));
        if ui.json {
            let mut document = Map::new();
            document.insert("id".into(), json!(view.id(crypto.sha256).to_string()));
            document.insert("suite".into(), json!(SuiteId(view.suite()).to_string()));
            document.insert("expires".into(), json!(view.expires()));
            document.insert("slots".into(), json!(view.slots()));
            document.insert("size".into(), json!(envelope.len()));
            if in_document {
                document.insert("envelope".into(), json!(BASE64.encode(envelope)));
            }
            ui.document(&document)?;
        }
        Ok(())
    }
}
