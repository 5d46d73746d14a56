//! The fields of a message that mean something to a signature, found in one
//! pass.

use super::CallError;
use super::signature::{Component, field_value, is_field_name, trim};

/// Fields that change the meaning of a message so much that they have to be covered
/// where they are there.
pub const MUST_COVER: [&str; 5] = [
    "content-encoding",
    "content-range",
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
];

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Fields<'a> {
    pub(super) signature_input: Option<&'a [u8]>,
    pub(super) signature: Option<&'a [u8]>,
    pub(super) content_digest: Option<&'a [u8]>,
    pub(super) content_type: Option<&'a [u8]>,
    /// Transfer-Encoding is there, or a Content-Length that is not 0.
    pub(super) has_body: bool,
    sensitive: [bool; MUST_COVER.len()],
}

impl<'a> Fields<'a> {
    pub(super) fn read(
        headers: impl Iterator<Item = (&'a str, &'a [u8])>,
    ) -> Result<Fields<'a>, CallError> {
        let mut fields = Fields::default();
        for (name, value) in headers {
            // Most names come in lower case.
            let is = |other: &str| name == other || name.eq_ignore_ascii_case(other);
            // By length first: most fields are none of these.
            let slot = match name.len() {
                9 if is("signature") => &mut fields.signature,
                12 if is("content-type") => &mut fields.content_type,
                14 if is("content-digest") => &mut fields.content_digest,
                15 if is("signature-input") => &mut fields.signature_input,
                14 if is("content-length") => {
                    fields.has_body |= trim(value) != b"0";
                    continue;
                }
                17 if is("transfer-encoding") => {
                    fields.has_body = true;
                    continue;
                }
                13.. => {
                    for (there, other) in fields.sensitive.iter_mut().zip(MUST_COVER) {
                        *there |= is(other);
                    }
                    continue;
                }
                _ => continue,
            };
            if slot.replace(value).is_some() {
                return Err(CallError::Twice);
            }
        }
        Ok(fields)
    }

    /// Whether all that has to be covered where it is there is covered.
    pub(super) fn sensitive_are_covered(&self, components: &[Component<'_>]) -> bool {
        MUST_COVER
            .iter()
            .zip(self.sensitive)
            .all(|(name, there)| !there || components.iter().any(|component| component.is(name)))
    }

    /// The value of the field `component` of this message.
    pub(super) fn value(
        &self,
        component: &Component<'_>,
        headers: impl Iterator<Item = (&'a str, &'a [u8])>,
    ) -> Result<&'a [u8], CallError> {
        let name = component.name;
        if component.req || component.key.is_some() || !is_field_name(name) {
            return Err(CallError::Component);
        }
        let value = match name {
            b"content-type" => self.content_type,
            b"content-digest" => self.content_digest,
            _ => {
                let mut found = None;
                for (_, value) in
                    headers.filter(|(other, _)| other.as_bytes().eq_ignore_ascii_case(name))
                {
                    if found.replace(value).is_some() {
                        return Err(CallError::Twice);
                    }
                }
                found
            }
        };
        value.and_then(field_value).ok_or(CallError::Component)
    }
}
