//! `keygen`, `pubkey`, `fingerprint`, and how every command reads keys.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Map, json};
use wcmp::{KeyPair, KeyType, Provider, PublicKey};
use zeroize::Zeroizing;

use crate::args::hex32;
use crate::error::{Failure, Result};
use crate::io::{Access, Output, name, read_limited, write_stdout};
use crate::ui::{Ui, complain};

/// More than the text of any key and its line break.
const KEY_FILE: usize = 4096;

/// Make a key pair: its secret text to FILE, its public key to standard error.
#[derive(Args, Debug)]
pub(crate) struct Keygen {
    /// 1: X25519, for everyday messages; 2: X-Wing, against quantum computers (suite 0x0003)
    #[arg(long = "type", value_name = "TYPE", default_value = "1", value_parser = key_type)]
    key_type: KeyType,
    /// Where the secret goes, a file that only you can read [default: standard output]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Derive the pair from these 32 bytes (64 hex digits); for test vectors
    #[arg(long, value_name = "HEX", value_parser = hex32)]
    seed: Option<[u8; 32]>,
    /// Replace an existing FILE
    #[arg(long)]
    force: bool,
}

fn key_type(text: &str) -> core::result::Result<KeyType, &'static str> {
    let id = text.parse::<u16>().ok();
    id.and_then(|id| KeyType::try_from(id).ok())
        .ok_or("key types are 1 and 2")
}

impl Keygen {
    pub(crate) fn run(&self, ui: &Ui) -> Result<()> {
        let output = Output::new(self.output.as_deref(), Access::Secret, self.force)?;
        let crypto = Provider::rust_crypto();
        let pair = match &self.seed {
            Some(seed) => KeyPair::from_seed(&crypto, self.key_type, seed),
            None => KeyPair::generate(&crypto, self.key_type, &mut wcmp::system_rng()),
        };
        let pair = pair.map_err(|error| Failure::key("making a key pair", error))?;
        let secret = pair.to_secret_text();
        let public = pair.public().to_text();
        let mut document = Map::new();
        document.insert("public_key".into(), json!(*public));
        document.insert("fingerprint".into(), json!(pair.public().fingerprint()));
        if ui.json && matches!(output, Output::Stdout) {
            document.insert("secret_key".into(), json!(*secret));
        } else {
            let line = Zeroizing::new([secret.as_bytes(), b"\n"].concat());
            output.write(&line)?;
        }
        complain(&format!("public key: {}", *public));
        if ui.json {
            ui.document(&document)?;
        }
        Ok(())
    }
}

/// Print the public key of a key file.
#[derive(Args, Debug)]
pub(crate) struct Pubkey {
    /// The key file; - is standard input
    file: PathBuf,
}

impl Pubkey {
    pub(crate) fn run(&self, ui: &Ui) -> Result<()> {
        let pair = load(&Provider::rust_crypto(), &self.file)?;
        let text = pair.public().to_text();
        if ui.json {
            let fingerprint = pair.public().fingerprint();
            return ui.document(&json!({"public_key": *text, "fingerprint": fingerprint}));
        }
        write_stdout(format!("{}\n", *text).as_bytes())
    }
}

/// Print the fingerprint of a public key, for reading aloud.
#[derive(Args, Debug)]
pub(crate) struct Fingerprint {
    /// The public key, wcmp1...; - reads it from standard input
    #[arg(value_name = "PUBLICKEY")]
    public_key: String,
}

impl Fingerprint {
    pub(crate) fn run(&self, ui: &Ui) -> Result<()> {
        let key = if self.public_key == "-" {
            let text = read_key_text(Path::new("-"))?;
            PublicKey::from_text(&text).map_err(|error| Failure::key("public key", error))?
        } else {
            public(&self.public_key)?
        };
        let fingerprint = key.fingerprint();
        if ui.json {
            return ui.document(&json!({ "fingerprint": fingerprint }));
        }
        write_stdout(format!("{fingerprint}\n").as_bytes())
    }
}

/// Reads a key file.
pub(crate) fn load(crypto: &Provider, path: &Path) -> Result<KeyPair> {
    let text = read_key_text(path)?;
    KeyPair::from_secret_text(crypto, &text).map_err(|error| {
        let failure = Failure::key(format!("key file {}", name(path)), error);
        if text.starts_with("wcmp1") {
            return failure.hint("this is a public key; the file must hold the secret one");
        }
        failure
    })
}

/// Reads all key files.
pub(crate) fn load_all(crypto: &Provider, paths: &[PathBuf]) -> Result<Vec<KeyPair>> {
    paths.iter().map(|path| load(crypto, path)).collect()
}

/// Reads a public key that was given as an argument.
pub(crate) fn public(text: &str) -> Result<PublicKey> {
    PublicKey::from_text(text).map_err(|error| {
        if text.starts_with("wcmp-secret1") {
            return Failure::key("public key", error).hint(
                "this is a secret key, and others on this machine may have seen it now: `wcmp pubkey FILE` prints its public key",
            );
        }
        // Enough to see which one, not enough to spread the key.
        let end: String = text.chars().skip(text.chars().count().saturating_sub(6)).collect();
        Failure::key(format!("public key ...{end}"), error)
    })
}

/// Reads all public keys of one option.
pub(crate) fn public_all(texts: &[String]) -> Result<Vec<PublicKey>> {
    texts.iter().map(|text| public(text)).collect()
}

/// The text of a key without the line break after it.
fn read_key_text(path: &Path) -> Result<Zeroizing<String>> {
    let bytes = Zeroizing::new(read_limited(path, KEY_FILE)?);
    let what = format!("key file {}", name(path));
    let line = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if line.is_empty() {
        return Err(Failure::failed(what, "is empty"));
    }
    match core::str::from_utf8(line) {
        Ok(text) if bytes.len() <= KEY_FILE => Ok(Zeroizing::new(text.into())),
        _ => Err(Failure::refused(what, "key", "not the text of a key")),
    }
}
