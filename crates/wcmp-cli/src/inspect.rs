//! `inspect`: what anybody sees.

use std::path::PathBuf;

use clap::Args;
use data_encoding::{BASE64, HEXLOWER};
use serde_json::{Value, json};
use wcmp::relay::bundle::Stamp;
use wcmp::wire::sha256;
use wcmp::{EnvelopeRef, OpenError, Readable, Suite, SuiteId, suite::Form};

use crate::carrier::{Carrier, Found, walk};
use crate::error::Result;
use crate::io::{name, write_stdout};
use crate::summary::{Ending, Fault, Place, plural};
use crate::ui::{Ui, date, json_line};

/// Show the public fields of an envelope or a bundle, one envelope a line.
#[derive(Args, Debug)]
pub(crate) struct Inspect {
    /// An envelope or a bundle; - is standard input
    file: PathBuf,
}

impl Inspect {
    pub(crate) fn run(&self, ui: &Ui) -> Result<()> {
        let what = format!("inspecting {}", name(&self.file));
        let carrier = Carrier::open(&self.file)?;
        let is_bundle = matches!(carrier, Carrier::Bundle(_));
        let bar = ui.progress(carrier.len());
        let hour = ui.hour();
        let summary = walk(carrier, &what, &bar, |found| {
            let line = match (found, ui.json) {
                (Found::Envelope { view, .. }, false) => line(&view, hour),
                (
                    Found::Envelope {
                        offset,
                        stamp,
                        view,
                    },
                    true,
                ) => json_line(&document(&view, hour, offset, stamp))?,
                (Found::Place(place), false) => format!("{place}\n"),
                (Found::Place(place), true) => json_line(&place_document(&place))?,
            };
            bar.suspend(|| write_stdout(line.as_bytes()))
        })?;
        bar.finish_and_clear();
        if !summary.is_clean() {
            return Err(summary.failure(what));
        }
        if is_bundle {
            let envelopes = plural(summary.envelopes, "envelope");
            match (summary.ending, ui.json) {
                (Ending::Complete, _) => ui.note(&format!("{envelopes}, complete")),
                (_, false) => {
                    let line = format!("cut off after {envelopes}, nothing damaged\n");
                    write_stdout(line.as_bytes())?;
                }
                (_, true) => ui.document(&json!({ "cut_off": true }))?,
            }
        }
        Ok(())
    }
}

/// Whether its lengths fit its suite (spec 4.2); `None` for a suite that is not known here.
fn fits(view: &EnvelopeRef<'_>) -> Option<bool> {
    match Readable::new(*view, 0) {
        Ok(_) => Some(true),
        Err(OpenError::Suite(_)) => None,
        Err(_) => Some(false),
    }
}

fn line(view: &EnvelopeRef<'_>, hour: u32) -> String {
    let suite = SuiteId(view.suite());
    let kind = match (fits(view), Suite::try_from(suite).map(Suite::form)) {
        (Some(false), _) => "lengths of another suite",
        (_, Ok(Form::Sealed)) => "sealed",
        (_, Ok(Form::Open)) => "open",
        (_, Err(_)) => "unknown suite",
    };
    let expired = if view.expires() < hour {
        ", expired"
    } else {
        ""
    };
    format!(
        "{}  {suite} {kind}  {} bytes  {}  expires {} ({}{expired})\n",
        view.id(sha256),
        view.as_bytes().len(),
        plural(view.slots() as u64, "slot"),
        view.expires(),
        date(view.expires()),
    )
}

/// Every public field; those of which only the length tells anything by their length.
fn document(view: &EnvelopeRef<'_>, hour: u32, offset: Option<u64>, stamp: Stamp<'_>) -> Value {
    let hints: Vec<String> = view.hints().iter().map(|h| HEXLOWER.encode(h)).collect();
    let mut document = json!({
        "id": view.id(sha256).to_string(),
        "size": view.as_bytes().len(),
        "suite": SuiteId(view.suite()).to_string(),
        "suite_known": Suite::try_from(SuiteId(view.suite())).is_ok(),
        "fits_suite": fits(view),
        "expires": view.expires(),
        "expired": view.expires() < hour,
        "sender_nonce": HEXLOWER.encode(view.sender_nonce()),
        "sender_hint": HEXLOWER.encode(view.sender_hint()),
        "commitment": HEXLOWER.encode(view.commitment()),
        "payload_len": view.payload().len(),
        "recipient_nonce": HEXLOWER.encode(view.recipient_nonce()),
        "encapsulation": HEXLOWER.encode(view.encapsulation()),
        "slots": view.slots(),
        "hints": hints,
        "slot_len": view.slot_len(),
        "signature_len": view.signature().len(),
    });
    if let (Some(offset), Some(fields)) = (offset, document.as_object_mut()) {
        fields.insert("offset".into(), json!(offset));
        let stamp = (!stamp.is_none())
            .then(|| json!({"kind": stamp.kind(), "bytes": BASE64.encode(stamp.bytes())}));
        fields.insert("stamp".into(), json!(stamp));
    }
    document
}

/// A place without an envelope.
pub(crate) fn place_document(place: &Place) -> Value {
    let span = json!({"offset": place.offset, "len": place.len});
    match place.fault {
        Fault::Damaged => json!({ "damaged": span }),
        Fault::Skipped => json!({ "skipped": span }),
        Fault::NotAnEnvelope(error) => json!({
            "not_an_envelope": {
                "offset": place.offset, "len": place.len, "code": error.code()
            }
        }),
    }
}
