//! One signature of RFC 9421 as section 4 takes it, in a request or an answer:
//! Signature-Input and Signature read, covered components matched with their
//! values, the MAC over the signature base.

use alloc::vec::Vec;

use data_encoding::BASE64URL_NOPAD;
use hmac::digest::{FixedOutput, Update};
use hmac::{Hmac, KeyInit};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::CallError;
use super::digest::decode;
use super::sf::{Bare, Cursor, Syntax, is_tchar};

/// The tag of our signatures.
pub(super) const TAG: &str = "wcmp-auth-1";
/// The one algorithm.
pub(super) const ALG: &str = "hmac-sha256";

/// Signatures of one message, ours among them.
const MAX_LABELS: usize = 16;
/// Components covered.
const MAX_COMPONENTS: usize = 32;

impl From<Syntax> for CallError {
    fn from(_: Syntax) -> CallError {
        CallError::Syntax
    }
}

/// Our signature, read and not verified.
#[derive(Debug)]
pub(super) struct Signature<'a> {
    pub(super) label: &'a str,
    pub(super) token: [u8; 16],
    pub(super) created: u64,
    pub(super) expires: Option<u64>,
    pub(super) nonce: Option<&'a str>,
    /// The member of Signature-Input as received: what is hashed.
    input: &'a [u8],
    /// The member of Signature as received, and what it means.
    pub(super) value: &'a [u8],
    mac: [u8; 32],
    pub(super) components: Vec<Component<'a>>,
}

/// A covered component.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Component<'a> {
    /// As received.
    identifier: &'a [u8],
    pub(super) name: &'a str,
    /// The parameter `req`: of the request that an answer is for.
    pub(super) req: bool,
    /// The parameter `key`: a member of that dictionary.
    pub(super) key: Option<&'a str>,
    /// To be set by [`Signature::resolve`].
    value: &'a [u8],
}

impl Component<'_> {
    pub(super) fn is(&self, name: &str) -> bool {
        self.name == name && !self.req && self.key.is_none()
    }
}

/// The parameters that mean something here.
#[derive(Default)]
struct Parameters<'a> {
    created: Option<Bare<'a>>,
    expires: Option<Bare<'a>>,
    nonce: Option<Bare<'a>>,
    keyid: Option<Bare<'a>>,
    alg: Option<Bare<'a>>,
    tag: Option<Bare<'a>>,
}

impl<'a> Parameters<'a> {
    fn read(cursor: &mut Cursor<'a>) -> Result<Parameters<'a>, CallError> {
        let mut parameters = Parameters::default();
        while let Some((key, value)) = cursor.parameter()? {
            let slot = match key {
                "created" => &mut parameters.created,
                "expires" => &mut parameters.expires,
                "nonce" => &mut parameters.nonce,
                "keyid" => &mut parameters.keyid,
                "alg" => &mut parameters.alg,
                "tag" => &mut parameters.tag,
                _ => continue,
            };
            if slot.replace(value).is_some() {
                return Err(CallError::Twice);
            }
        }
        Ok(parameters)
    }

    /// Whether the signature has our tag. A tag that is no string is none at
    /// all, and not an absent one.
    fn is_ours(&self) -> Result<bool, CallError> {
        Ok(string(self.tag)?.is_some_and(|tag| tag == TAG))
    }
}

fn string(value: Option<Bare<'_>>) -> Result<Option<&str>, CallError> {
    match value {
        None => Ok(None),
        Some(Bare::String(text)) => Ok(Some(text)),
        Some(_) => Err(CallError::Parameter),
    }
}

/// A time before 1970 is as far from now as 1970.
fn seconds(value: Option<Bare<'_>>) -> Result<Option<u64>, CallError> {
    match value {
        None => Ok(None),
        Some(Bare::Integer(seconds)) => Ok(Some(u64::try_from(seconds).unwrap_or(0))),
        Some(_) => Err(CallError::Parameter),
    }
}

/// Where our member of Signature-Input is.
struct Found<'a> {
    label: &'a str,
    input: &'a [u8],
    list: Cursor<'a>,
    parameters: Parameters<'a>,
}

impl<'a> Signature<'a> {
    /// Reads the one signature with our tag. Every other member has to be
    /// well-formed.
    pub(super) fn read(
        input_field: &'a [u8],
        signature_field: &'a [u8],
    ) -> Result<Signature<'a>, CallError> {
        let Found {
            label,
            input,
            list,
            parameters,
        } = find(input_field)?;
        let (value, mac) = member(signature_field, label)?;
        if string(parameters.alg)?.is_some_and(|alg| alg != ALG) {
            return Err(CallError::Parameter);
        }
        let token = string(parameters.keyid)?.and_then(token_id);
        Ok(Signature {
            label,
            token: token.ok_or(CallError::Parameter)?,
            created: seconds(parameters.created)?.ok_or(CallError::Parameter)?,
            expires: seconds(parameters.expires)?,
            nonce: string(parameters.nonce)?,
            input,
            value,
            mac,
            components: components(list)?,
        })
    }

    /// Gives each component its value.
    pub(super) fn resolve(
        &mut self,
        mut value: impl FnMut(&Component<'a>) -> Result<&'a [u8], CallError>,
    ) -> Result<(), CallError> {
        for component in &mut self.components {
            component.value = value(component)?;
        }
        Ok(())
    }

    pub(super) fn covers(&self, name: &str) -> bool {
        self.components.iter().any(|component| component.is(name))
    }

    /// Whether the MAC under `key` is right, in constant time.
    pub(super) fn verify(&self, key: &[u8; 32]) -> Result<(), CallError> {
        let mut mac = new_mac(key);
        base(&mut mac, &self.components, self.input);
        let right: [u8; 32] = mac.finalize_fixed().into();
        if bool::from(right.ct_eq(&self.mac)) {
            Ok(())
        } else {
            Err(CallError::Mac)
        }
    }
}

/// A key is zeros behind its 32 bytes up to HMAC's block (RFC 2104).
pub(super) fn new_mac(key: &[u8; 32]) -> Hmac<Sha256> {
    let mut block = Zeroizing::new([0; 64]);
    if let Some(start) = block.first_chunk_mut() {
        *start = *key;
    }
    Hmac::new((&*block).into())
}

/// The signature base (RFC 9421, section 2.5).
fn base(sink: &mut impl Update, components: &[Component<'_>], input: &[u8]) {
    for component in components {
        line(sink, component.identifier, component.value);
    }
    last_line(sink, input);
}

pub(super) fn line(sink: &mut impl Update, identifier: &[u8], value: &[u8]) {
    sink.update(identifier);
    sink.update(b": ");
    sink.update(value);
    sink.update(b"\n");
}

pub(super) fn last_line(sink: &mut impl Update, input: &[u8]) {
    sink.update(b"\"@signature-params\": ");
    sink.update(input);
}

fn find(field: &[u8]) -> Result<Found<'_>, CallError> {
    let mut found = None;
    let mut labels = [""; MAX_LABELS];
    let mut cursor = Cursor::new(field);
    let mut count = 0;
    while cursor.member_follows(count == 0)? {
        let label = cursor.key()?;
        if labels.iter().take(count).any(|other| *other == label) {
            return Err(CallError::Twice);
        }
        *labels.get_mut(count).ok_or(CallError::Syntax)? = label;
        count += 1;
        if !cursor.eat(b'=') {
            return Err(CallError::Syntax);
        }
        let start = cursor;
        if !cursor.eat(b'(') {
            return Err(CallError::Syntax);
        }
        let list = cursor;
        let mut first = true;
        while cursor.item_follows(first)? {
            first = false;
            cursor.bare()?;
            cursor.skip_parameters()?;
        }
        let parameters = Parameters::read(&mut cursor)?;
        if parameters.is_ours()? {
            let ours = Found {
                label,
                input: cursor.since(start),
                list,
                parameters,
            };
            if found.replace(ours).is_some() {
                return Err(CallError::Twice);
            }
        }
    }
    found.ok_or(CallError::Absent)
}

/// The member `label` of Signature: as received, and decoded.
fn member<'a>(field: &'a [u8], label: &str) -> Result<(&'a [u8], [u8; 32]), CallError> {
    let mut found = None;
    let mut labels = [""; MAX_LABELS];
    let mut cursor = Cursor::new(field);
    let mut count = 0;
    while cursor.member_follows(count == 0)? {
        let key = cursor.key()?;
        if labels.iter().take(count).any(|other| *other == key) {
            return Err(CallError::Twice);
        }
        *labels.get_mut(count).ok_or(CallError::Syntax)? = key;
        count += 1;
        if !cursor.eat(b'=') {
            return Err(CallError::Syntax);
        }
        let start = cursor;
        let Bare::Bytes(text) = cursor.bare()? else {
            return Err(CallError::Syntax);
        };
        cursor.skip_parameters()?;
        if key == label {
            let mac = decode(text).ok_or(CallError::Syntax)?;
            found = Some((cursor.since(start), mac));
        }
    }
    found.ok_or(CallError::Syntax)
}

/// The components of a list that is well-formed.
fn components(mut cursor: Cursor<'_>) -> Result<Vec<Component<'_>>, CallError> {
    let mut components: Vec<Component<'_>> = Vec::with_capacity(8);
    while cursor.item_follows(components.is_empty())? {
        let start = cursor;
        let Bare::String(name) = cursor.bare()? else {
            return Err(CallError::Component);
        };
        let mut component = Component {
            identifier: &[],
            name,
            req: false,
            key: None,
            value: &[],
        };
        while let Some((parameter, value)) = cursor.parameter()? {
            match (parameter, value) {
                ("req", Bare::Boolean(true)) if !component.req => component.req = true,
                ("key", Bare::String(key)) if component.key.is_none() => {
                    component.key = Some(key);
                }
                _ => return Err(CallError::Component),
            }
        }
        component.identifier = cursor.since(start);
        let same = |other: &Component<'_>| {
            other.name == name && other.req == component.req && other.key == component.key
        };
        if components.iter().any(same) {
            return Err(CallError::Twice);
        }
        if components.len() == MAX_COMPONENTS {
            return Err(CallError::Syntax);
        }
        components.push(component);
    }
    Ok(components)
}

/// base64url of 16 bytes, without padding, unused bits zero.
pub(super) fn token_id(text: &str) -> Option<[u8; 16]> {
    let mut out = [0; 16];
    if text.len() != 22 {
        return None;
    }
    BASE64URL_NOPAD
        .decode_mut(text.as_bytes(), &mut out)
        .ok()
        .map(|_| out)
}

/// A field's value as it is signed (RFC 9421, section 2.1): without the white
/// space around it. Control characters, which could make lines of their own,
/// are refused; that includes the folding of old HTTP.
pub(super) fn field_value(value: &[u8]) -> Option<&[u8]> {
    let value = trim(value);
    let control = |byte: &u8| byte.is_ascii_control() && *byte != b'\t';
    (!value.iter().any(control)).then_some(value)
}

/// Without SP and HTAB at both ends.
pub(super) fn trim(mut value: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    value
}

/// Whether `name` can be the name of a field in a component: lower case.
pub(super) fn is_field_name(name: &str) -> bool {
    !name.is_empty()
        && name
            .bytes()
            .all(|byte| is_tchar(byte) && !byte.is_ascii_uppercase())
}

#[cfg(test)]
mod tests;
