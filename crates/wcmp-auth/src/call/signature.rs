//! One signature of RFC 9421 as section 4 takes it, in a request or an answer:
//! Signature-Input and Signature read, covered components matched with their
//! values, the MAC over the signature base.

use alloc::vec::Vec;

use data_encoding::BASE64URL_NOPAD;

use super::digest::decode;
use super::sf::{Bare, Cursor, Syntax, is_tchar};
use super::{CallError, CallKey};

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
    pub(super) label: &'a [u8],
    pub(super) token: [u8; 16],
    pub(super) created: u64,
    pub(super) expires: Option<u64>,
    pub(super) nonce: Option<&'a [u8]>,
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
    pub(super) name: &'a [u8],
    /// The parameter `req`: of the request that an answer is for.
    pub(super) req: bool,
    /// The parameter `key`: a member of that dictionary.
    pub(super) key: Option<&'a [u8]>,
    /// To be set by [`Signature::resolve`].
    value: &'a [u8],
}

impl Component<'_> {
    pub(super) fn is(&self, name: &str) -> bool {
        self.name == name.as_bytes() && !self.req && self.key.is_none()
    }

    fn is_same(&self, other: &Component<'_>) -> bool {
        (self.name, self.req, self.key) == (other.name, other.req, other.key)
    }
}

/// The parameters that mean something here, or that their type is wrong.
#[derive(Default)]
struct Parameters<'a> {
    created: Option<Result<u64, CallError>>,
    expires: Option<Result<u64, CallError>>,
    nonce: Option<Result<&'a [u8], CallError>>,
    keyid: Option<Result<&'a [u8], CallError>>,
    alg: Option<Result<&'a [u8], CallError>>,
    tag: Option<Result<&'a [u8], CallError>>,
}

impl<'a> Parameters<'a> {
    fn read(cursor: &mut Cursor<'a>) -> Result<Parameters<'a>, CallError> {
        let mut parameters = Parameters::default();
        while let Some((key, value)) = cursor.parameter()? {
            match key {
                b"created" => put(&mut parameters.created, seconds(value))?,
                b"expires" => put(&mut parameters.expires, seconds(value))?,
                b"nonce" => put(&mut parameters.nonce, string(value))?,
                b"keyid" => put(&mut parameters.keyid, string(value))?,
                b"alg" => put(&mut parameters.alg, string(value))?,
                b"tag" => put(&mut parameters.tag, string(value))?,
                _ => {}
            }
        }
        Ok(parameters)
    }

    /// Whether the signature has our tag. A tag that is no string is none at
    /// all, and not an absent one.
    fn is_ours(&self) -> Result<bool, CallError> {
        Ok(self
            .tag
            .transpose()?
            .is_some_and(|tag| tag == TAG.as_bytes()))
    }
}

fn put<T>(slot: &mut Option<T>, value: T) -> Result<(), CallError> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(CallError::Twice),
    }
}

fn string(value: Bare<'_>) -> Result<&[u8], CallError> {
    match value {
        Bare::String(text) => Ok(text),
        _ => Err(CallError::Parameter),
    }
}

/// A time before 1970 is as far from now as 1970.
fn seconds(value: Bare<'_>) -> Result<u64, CallError> {
    match value {
        Bare::Integer(seconds) => Ok(u64::try_from(seconds).unwrap_or(0)),
        _ => Err(CallError::Parameter),
    }
}

/// Our member of Signature-Input.
struct Found<'a> {
    label: &'a [u8],
    input: &'a [u8],
    components: Result<Vec<Component<'a>>, CallError>,
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
            components,
            parameters,
        } = find(input_field)?;
        let (value, mac) = member(signature_field, label)?;
        if parameters
            .alg
            .transpose()?
            .is_some_and(|alg| alg != ALG.as_bytes())
        {
            return Err(CallError::Parameter);
        }
        let token = parameters.keyid.transpose()?.and_then(token_id);
        Ok(Signature {
            label,
            token: token.ok_or(CallError::Parameter)?,
            created: parameters.created.ok_or(CallError::Parameter)??,
            expires: parameters.expires.transpose()?,
            nonce: parameters.nonce.transpose()?,
            input,
            value,
            mac,
            components: components?,
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
    pub(super) fn verify(&self, key: &CallKey) -> Result<(), CallError> {
        match key.verify(&base(&self.components, self.input), &self.mac) {
            true => Ok(()),
            false => Err(CallError::Mac),
        }
    }
}

/// The signature base (RFC 9421, section 2.5).
fn base(components: &[Component<'_>], input: &[u8]) -> Vec<u8> {
    let lines = components
        .iter()
        .map(|component| component.identifier.len() + component.value.len() + 3);
    let mut base = Vec::with_capacity(lines.sum::<usize>() + LAST_LINE.len() + input.len());
    for component in components {
        line(&mut base, component.identifier, component.value);
    }
    last_line(&mut base, input);
    base
}

const LAST_LINE: &[u8] = b"\"@signature-params\": ";

pub(super) fn line(base: &mut Vec<u8>, identifier: &[u8], value: &[u8]) {
    base.extend_from_slice(identifier);
    base.extend_from_slice(b": ");
    base.extend_from_slice(value);
    base.push(b'\n');
}

pub(super) fn last_line(base: &mut Vec<u8>, input: &[u8]) {
    base.extend_from_slice(LAST_LINE);
    base.extend_from_slice(input);
}

fn find(field: &[u8]) -> Result<Found<'_>, CallError> {
    let mut found = None;
    let mut labels = [&[][..]; MAX_LABELS];
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
        let components = components(&mut cursor)?;
        let parameters = Parameters::read(&mut cursor)?;
        if parameters.is_ours()? {
            let ours = Found {
                label,
                input: cursor.since(start),
                components,
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
fn member<'a>(field: &'a [u8], label: &[u8]) -> Result<(&'a [u8], [u8; 32]), CallError> {
    let mut found = None;
    let mut labels = [&[][..]; MAX_LABELS];
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

/// Reads a list to its end. The outer error is of its form; the inner one says
/// that it is none of components, as others' signatures may have.
fn components<'a>(
    cursor: &mut Cursor<'a>,
) -> Result<Result<Vec<Component<'a>>, CallError>, Syntax> {
    let mut components: Vec<Component<'_>> = Vec::with_capacity(4);
    let (mut wrong, mut first) = (None, true);
    while cursor.item_follows(first)? {
        first = false;
        let read = component(cursor)?.and_then(|component| {
            if components.iter().any(|other| other.is_same(&component)) {
                return Err(CallError::Twice);
            }
            if components.len() == MAX_COMPONENTS {
                return Err(CallError::Syntax);
            }
            components.push(component);
            Ok(())
        });
        wrong = wrong.or(read.err());
    }
    Ok(wrong.map_or(Ok(components), Err))
}

/// An item of a list, likewise.
fn component<'a>(cursor: &mut Cursor<'a>) -> Result<Result<Component<'a>, CallError>, Syntax> {
    let start = *cursor;
    let name = match cursor.bare()? {
        Bare::String(name) => Some(name),
        _ => None,
    };
    let (mut req, mut key, mut known) = (false, None, true);
    while let Some(parameter) = cursor.parameter()? {
        match parameter {
            (b"req", Bare::Boolean(true)) if !req => req = true,
            (b"key", Bare::String(name)) if key.is_none() => key = Some(name),
            _ => known = false,
        }
    }
    Ok(match name {
        Some(name) if known => Ok(Component {
            identifier: cursor.since(start),
            name,
            req,
            key,
            value: &[],
        }),
        _ => Err(CallError::Component),
    })
}

/// base64url of 16 bytes, without padding, unused bits zero.
pub(super) fn token_id(text: &[u8]) -> Option<[u8; 16]> {
    let mut out = [0; 16];
    if text.len() != 22 {
        return None;
    }
    BASE64URL_NOPAD.decode_mut(text, &mut out).ok().map(|_| out)
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
pub(super) fn is_field_name(name: &[u8]) -> bool {
    !name.is_empty()
        && name
            .iter()
            .all(|byte| is_tchar(*byte) && !byte.is_ascii_uppercase())
}

#[cfg(test)]
mod tests;
