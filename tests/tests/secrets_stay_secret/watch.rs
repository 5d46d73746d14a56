//! Looks for secrets in what is printed.

use std::collections::{BTreeSet, HashSet};
use std::fmt::{Debug, Display};

use data_encoding::{BASE32_NOPAD, BASE64_NOPAD, BASE64URL_NOPAD, HEXLOWER};

/// Secrets, and the checks made on what is printed.
#[derive(Default)]
pub(crate) struct Watch {
    /// Parts of secrets in all the forms in which they might be printed.
    forbidden: HashSet<String>,
    /// The lengths of these.
    lengths: BTreeSet<usize>,
    /// The types that were printed, as `crate::Type`.
    pub(crate) printed: BTreeSet<String>,
}

impl Watch {
    /// Any eight bytes of `secret` are forbidden in hex, and as they are if they are text; any nine or ten in base64
    /// and base32; any four as a list of numbers.
    pub(crate) fn secret(&mut self, secret: &[u8]) {
        assert!(secret.len() >= 10);
        for part in secret.windows(4) {
            let forms: [fn(&u8) -> String; 5] = [
                u8::to_string,
                |byte| format!("{byte:x}"),
                |byte| format!("{byte:02x}"),
                |byte| format!("0x{byte:x}"),
                |byte| format!("0x{byte:02x}"),
            ];
            for form in forms {
                self.forbid(part.iter().map(form).collect::<Vec<_>>().join(","));
            }
        }
        for part in secret.windows(8) {
            self.forbid(HEXLOWER.encode(part));
            if let Ok(text) = std::str::from_utf8(part) {
                self.forbid(squeeze(text));
            }
        }
        // Where a group of characters begins depends on what stands before: every start is tried, whole groups
        // are compared.
        for part in secret.windows(9) {
            self.forbid(BASE64_NOPAD.encode(part));
            self.forbid(BASE64URL_NOPAD.encode(part));
        }
        for part in secret.windows(10) {
            self.forbid(BASE32_NOPAD.encode(part));
            self.forbid(BASE32_NOPAD.encode(part).to_lowercase());
        }
    }

    fn forbid(&mut self, part: String) {
        self.lengths.insert(part.len());
        self.forbidden.insert(part);
    }

    /// A secret in `text`.
    pub(crate) fn leak(&self, text: &str) -> Option<String> {
        let squeezed = squeeze(text);
        [squeezed.to_lowercase(), squeezed].iter().find_map(|text| {
            let starts = text.char_indices().map(|(start, _)| start);
            starts
                .flat_map(|start| self.lengths.iter().map(move |len| (start, start + len)))
                .filter_map(|(start, end)| text.get(start..end))
                .find(|part| self.forbidden.contains(*part))
                .map(str::to_string)
        })
    }

    fn text(&self, name: &str, text: &str) {
        assert_eq!(self.leak(text), None, "{name} prints a secret: {text}");
    }

    /// Looks at everything that `Debug` can make of `value`, which is a `name`.
    pub(crate) fn debug(&mut self, name: &str, value: &dyn Debug) {
        self.text(name, &format!("{value:?}"));
        self.text(name, &format!("{value:#?}"));
        self.text(name, &format!("{value:x?}"));
        self.text(name, &format!("{value:#X?}"));
        self.printed.insert(name.to_string());
    }

    /// The same with `Display`.
    pub(crate) fn error(&mut self, name: &str, value: &(impl Debug + Display)) {
        self.text(name, &value.to_string());
        self.debug(name, value);
    }
}

/// Without the white space that pretty printing puts between items.
fn squeeze(text: &str) -> String {
    text.split_whitespace().collect()
}
