//! `wcmp-auth`'s verifier of calls against a signature base made another way.
//!
//! The input is a request: a line with method and target, then lines `name: value`.

use data_encoding::BASE64;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use wcmp_auth::SessionKey;
use wcmp_auth::call::client::{Caller, Request};
use wcmp_auth::call::{CallError, CallKey, CallVerifier, Digests};

const AUTHORITY: &str = "127.0.0.1:8080";

struct Message<'a> {
    method: &'a str,
    target: &'a str,
    headers: Vec<(&'a str, &'a [u8])>,
}

impl<'a> Message<'a> {
    fn read(data: &'a [u8]) -> Option<Message<'a>> {
        let mut lines = data.split(|byte| *byte == b'\n');
        let first = str::from_utf8(lines.next()?).ok()?;
        let (method, target) = first.split_once(' ')?;
        let headers = lines.filter_map(|line| {
            let colon = line.iter().position(|byte| *byte == b':')?;
            let (name, value) = line.split_at_checked(colon)?;
            Some((str::from_utf8(name).ok()?, value.get(1..)?))
        });
        Some(Message {
            method,
            target,
            headers: headers.collect(),
        })
    }

    fn field(&self, name: &str) -> Option<&'a [u8]> {
        let mut found = self
            .headers
            .iter()
            .filter(|(other, _)| other.eq_ignore_ascii_case(name));
        let (_, value) = found.next()?;
        found.next().is_none().then_some(*value)
    }

    fn authenticate(&self, key: &[u8; 32]) -> Result<(), CallError> {
        let verifier = CallVerifier::new(AUTHORITY).expect("an authority");
        let call = verifier.parse(self.method, self.target, || self.headers.iter().copied())?;
        call.authenticate(&CallKey::new(key)).map(|_| ())
    }

    /// The same message with this Signature instead.
    fn signed(&self, signature: &'a str) -> Message<'a> {
        let mut headers = self.headers.clone();
        for (name, value) in &mut headers {
            if name.eq_ignore_ascii_case("signature") {
                *value = signature.as_bytes();
            }
        }
        Message { headers, ..*self }
    }

    /// The line of a component in a signature base.
    fn line(&self, identifier: &[u8]) -> Option<Vec<u8>> {
        let name = identifier.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
        let query = self.target.find('?').unwrap_or(self.target.len());
        let (path, query) = self.target.split_at_checked(query)?;
        let value = match name {
            b"@method" => self.method.as_bytes(),
            b"@authority" => AUTHORITY.as_bytes(),
            b"@path" => path.as_bytes(),
            b"@query" if query.is_empty() => b"?",
            b"@query" => query.as_bytes(),
            _ => trim(self.field(str::from_utf8(name).ok()?)?),
        };
        Some([identifier, b": ", value, b"\n"].concat())
    }

    /// `label=:mac:`, right for a member of Signature-Input.
    fn signature(&self, member: &[u8], key: &[u8; 32]) -> Option<String> {
        let equals = member.iter().position(|byte| *byte == b'=')?;
        let (label, input) = member.split_at_checked(equals)?;
        let input = input.get(1..)?;
        let end = input.iter().position(|byte| *byte == b')')?;
        let list = input.get(1..end)?;
        let mut base = Vec::new();
        for identifier in list.split(|byte| *byte == b' ') {
            if !identifier.is_empty() {
                base.extend(self.line(identifier)?);
            }
        }
        base.extend_from_slice(b"\"@signature-params\": ");
        base.extend_from_slice(input);
        let mac = Hmac::<Sha256>::new_from_slice(key)
            .ok()?
            .chain_update(&base)
            .finalize()
            .into_bytes();
        let label = str::from_utf8(label).ok()?;
        Some(format!("{label}=:{}:", BASE64.encode(&mac)))
    }
}

fn trim(value: &[u8]) -> &[u8] {
    let blank = |byte: &u8| *byte == b' ' || *byte == b'\t';
    let start = value.iter().take_while(|byte| blank(byte)).count();
    let value = value.get(start..).unwrap_or_default();
    let end = value.iter().rev().take_while(|byte| blank(byte)).count();
    value.get(..value.len() - end).unwrap_or_default()
}

/// The members of a dictionary that is well-formed: between commas that are in no text.
fn members(field: &[u8]) -> Vec<&[u8]> {
    let (mut members, mut start) = (Vec::new(), 0);
    let (mut quoted, mut escapes, mut escaped) = (false, false, false);
    for (at, byte) in field.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted && escapes => escaped = true,
            b'"' => {
                quoted = !quoted;
                // A display string has no escapes of this kind.
                escapes = at == 0 || field.get(at - 1) != Some(&b'%');
            }
            b',' if !quoted => {
                members.extend(field.get(start..at));
                start = at + 1;
            }
            _ => {}
        }
    }
    members.extend(field.get(start..));
    members.into_iter().map(trim).collect()
}

/// Whether a request that is well-formed is authentic by exactly one MAC: that over its received bytes.
///
/// # Panics
/// If not.
pub fn call(data: &[u8]) {
    let _ = Digests::parse(data);
    let key = [0x77; 32];
    answer(data);
    let Some(message) = Message::read(data) else {
        return;
    };
    let verdict = message.authenticate(&key);
    if !matches!(verdict, Ok(()) | Err(CallError::Mac)) {
        return;
    }
    let input = message.field("signature-input").expect("it was parsed");
    let candidates: Vec<String> = members(input)
        .into_iter()
        .filter_map(|member| message.signature(member, &key))
        .collect();
    let right = candidates
        .iter()
        .find(|signature| message.signed(signature).authenticate(&key) == Ok(()));
    let right = right.expect("no member's signature is taken");
    let received = message.field("signature").expect("it was parsed");
    let mac = right.split_once('=').expect("it has a label").1.as_bytes();
    if verdict.is_ok() {
        assert!(
            received.windows(mac.len()).any(|window| window == mac),
            "another MAC is taken"
        );
    }
    let other = message.authenticate(&[0x78; 32]);
    assert_eq!(other, Err(CallError::Mac), "without the key");
}

/// No bytes are a signed answer.
fn answer(data: &[u8]) {
    let Some(message) = Message::read(data) else {
        return;
    };
    let key = SessionKey::new(&[0x77; 32]);
    let mut caller = Caller::new(&[0x70; 16], &key, AUTHORITY).expect("an authority");
    let request = Request {
        method: "GET",
        target: "/",
        content: None,
        fields: &[],
    };
    let (_, awaiting) = caller.sign(&request, 1_900_000_100).expect("a request");
    let verdict = awaiting.verify(200, || message.headers.iter().copied(), b"");
    assert!(verdict.is_err(), "an answer that nobody signed");
}
