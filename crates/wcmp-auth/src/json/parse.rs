//! JSON (RFC 8259) without the freedoms it leaves.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use data_encoding::BASE64URL_NOPAD;

use super::{JsonError, MAX_DEPTH, MAX_INTEGER};

/// A value. Numbers that are no integer of ours are well-formed, and no more is
/// known of them.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Value {
    Null,
    Boolean(bool),
    Integer(u64),
    OtherNumber,
    Text(String),
    Array(Vec<Value>),
    Object(Members),
}

/// The members of one object.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Members(BTreeMap<String, Value>);

impl Members {
    /// Of a text that is one object.
    pub(super) fn read(text: &[u8]) -> Result<Members, JsonError> {
        match value(text)? {
            Value::Object(members) => Ok(members),
            _ => Err(JsonError::NoObject),
        }
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    #[cfg(test)]
    pub(super) fn any(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    fn get(&self, name: &'static str) -> Result<&Value, JsonError> {
        self.0.get(name).ok_or(JsonError::Missing(name))
    }

    pub(super) fn text(&self, name: &'static str) -> Result<&str, JsonError> {
        match self.get(name)? {
            Value::Text(text) => Ok(text),
            _ => Err(JsonError::Type(name)),
        }
    }

    pub(super) fn boolean(&self, name: &'static str) -> Result<bool, JsonError> {
        match self.get(name)? {
            Value::Boolean(boolean) => Ok(*boolean),
            _ => Err(JsonError::Type(name)),
        }
    }

    /// An integer in the range of `T`.
    pub(super) fn integer<T: TryFrom<u64>>(&self, name: &'static str) -> Result<T, JsonError> {
        match self.get(name)? {
            Value::Integer(integer) => T::try_from(*integer).map_err(|_| JsonError::Type(name)),
            _ => Err(JsonError::Type(name)),
        }
    }

    /// A list of integers from 0 to 255.
    pub(super) fn small_integers(&self, name: &'static str) -> Result<Vec<u8>, JsonError> {
        let small = |value: &Value| match value {
            Value::Integer(integer) => u8::try_from(*integer).ok(),
            _ => None,
        };
        let all = self.list(name)?.iter().map(small).collect::<Option<_>>();
        all.ok_or(JsonError::Type(name))
    }

    /// A list of objects.
    pub(super) fn objects(&self, name: &'static str) -> Result<Vec<&Members>, JsonError> {
        fn object(value: &Value) -> Option<&Members> {
            match value {
                Value::Object(members) => Some(members),
                _ => None,
            }
        }
        let all = self.list(name)?.iter().map(object).collect::<Option<_>>();
        all.ok_or(JsonError::Type(name))
    }

    fn list(&self, name: &'static str) -> Result<&[Value], JsonError> {
        match self.get(name)? {
            Value::Array(values) => Ok(values),
            _ => Err(JsonError::Type(name)),
        }
    }

    /// Bytes: base64url without padding, unused bits zero.
    pub(super) fn bytes(&self, name: &'static str) -> Result<Vec<u8>, JsonError> {
        BASE64URL_NOPAD
            .decode(self.text(name)?.as_bytes())
            .map_err(|_| JsonError::Type(name))
    }

    /// Exactly `N` bytes.
    pub(super) fn array<const N: usize>(&self, name: &'static str) -> Result<[u8; N], JsonError> {
        self.bytes(name)?
            .try_into()
            .map_err(|_| JsonError::Type(name))
    }

    /// 32 bytes, or "".
    pub(super) fn optional_key(&self, name: &'static str) -> Result<Option<[u8; 32]>, JsonError> {
        match self.text(name)? {
            "" => Ok(None),
            _ => self.array(name).map(Some),
        }
    }
}

/// The value that `text` is, white space around it allowed.
pub(super) fn value(text: &[u8]) -> Result<Value, JsonError> {
    // Once, so that what is between two ASCII bytes is UTF-8 as well.
    let text =
        core::str::from_utf8(text).map_err(|error| JsonError::Syntax(error.valid_up_to()))?;
    let mut parser = Parser { text, at: 0 };
    let value = parser.value(0)?;
    match parser.peek() {
        None => Ok(value),
        Some(_) => Err(parser.syntax()),
    }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
}

impl Parser<'_> {
    fn syntax(&self) -> JsonError {
        JsonError::Syntax(self.at)
    }

    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn next(&mut self) -> Result<u8, JsonError> {
        let byte = self.byte().ok_or(self.syntax())?;
        self.at += 1;
        Ok(byte)
    }

    /// The next byte after white space.
    fn peek(&mut self) -> Option<u8> {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.byte() {
            self.at += 1;
        }
        self.byte()
    }

    /// Takes `expected` if it comes next, after white space.
    fn takes(&mut self, expected: u8) -> bool {
        let there = self.peek() == Some(expected);
        self.at += usize::from(there);
        there
    }

    fn expect(&mut self, expected: u8) -> Result<(), JsonError> {
        match self.takes(expected) {
            true => Ok(()),
            false => Err(self.syntax()),
        }
    }

    fn value(&mut self, depth: usize) -> Result<Value, JsonError> {
        match self.peek() {
            Some(b'{' | b'[') if depth == MAX_DEPTH => Err(JsonError::Depth(self.at)),
            Some(b'{') => self.object(depth + 1),
            Some(b'[') => self.array(depth + 1),
            Some(b'"') => self.text().map(Value::Text),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b'n') => self.word("null", Value::Null),
            Some(b't') => self.word("true", Value::Boolean(true)),
            Some(b'f') => self.word("false", Value::Boolean(false)),
            _ => Err(self.syntax()),
        }
    }

    fn word(&mut self, word: &str, value: Value) -> Result<Value, JsonError> {
        for expected in word.bytes() {
            if self.byte() != Some(expected) {
                return Err(self.syntax());
            }
            self.at += 1;
        }
        Ok(value)
    }

    fn object(&mut self, depth: usize) -> Result<Value, JsonError> {
        let mut members = BTreeMap::new();
        self.expect(b'{')?;
        if self.takes(b'}') {
            return Ok(Value::Object(Members(members)));
        }
        loop {
            if self.peek() != Some(b'"') {
                return Err(self.syntax());
            }
            let name = self.text()?;
            // Compared as texts, after escapes: "a" is "\u0061".
            if members.contains_key(&name) {
                return Err(JsonError::Duplicate(self.at));
            }
            self.expect(b':')?;
            let value = self.value(depth)?;
            members.insert(name, value);
            if self.takes(b'}') {
                return Ok(Value::Object(Members(members)));
            }
            self.expect(b',')?;
        }
    }

    fn array(&mut self, depth: usize) -> Result<Value, JsonError> {
        let mut values = Vec::new();
        self.expect(b'[')?;
        if self.takes(b']') {
            return Ok(Value::Array(values));
        }
        loop {
            values.push(self.value(depth)?);
            if self.takes(b']') {
                return Ok(Value::Array(values));
            }
            self.expect(b',')?;
        }
    }

    fn text(&mut self) -> Result<String, JsonError> {
        self.expect(b'"')?;
        let mut out = String::new();
        loop {
            let start = self.at;
            let end = loop {
                match self.byte() {
                    Some(b'"' | b'\\') => break self.at,
                    None | Some(..b' ') => return Err(self.syntax()),
                    Some(_) => self.at += 1,
                }
            };
            // Both ends are beside ASCII bytes, so this is a piece of UTF-8.
            out.push_str(self.text.get(start..end).ok_or(self.syntax())?);
            if self.next()? == b'"' {
                return Ok(out);
            }
            out.push(self.escape()?);
        }
    }

    /// What follows a backslash.
    fn escape(&mut self) -> Result<char, JsonError> {
        let at = self.at;
        Ok(match self.next()? {
            same @ (b'"' | b'\\' | b'/') => char::from(same),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let unit = self.hex()?;
                let code = match unit {
                    0xd800..=0xdbff => {
                        if (self.next()?, self.next()?) != (b'\\', b'u') {
                            return Err(JsonError::Syntax(at));
                        }
                        let low = self.hex()?;
                        if !(0xdc00..=0xdfff).contains(&low) {
                            return Err(JsonError::Syntax(at));
                        }
                        0x1_0000 + ((unit - 0xd800) << 10) + (low - 0xdc00)
                    }
                    other => other,
                };
                // A low surrogate alone is no char.
                char::from_u32(code).ok_or(JsonError::Syntax(at))?
            }
            _ => return Err(JsonError::Syntax(at)),
        })
    }

    fn hex(&mut self) -> Result<u32, JsonError> {
        let mut unit = 0;
        for _ in 0..4 {
            let digit = char::from(self.next()?).to_digit(16);
            unit = unit << 4 | digit.ok_or(self.syntax())?;
        }
        Ok(unit)
    }

    fn number(&mut self) -> Result<Value, JsonError> {
        let negative = self.byte() == Some(b'-');
        self.at += usize::from(negative);
        let integer = match self.byte() {
            Some(b'0') => {
                self.at += 1;
                Some(0)
            }
            _ => self.digits()?,
        };
        let mut plain = !negative;
        if self.byte() == Some(b'.') {
            self.at += 1;
            self.digits()?;
            plain = false;
        }
        if let Some(b'e' | b'E') = self.byte() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.byte() {
                self.at += 1;
            }
            self.digits()?;
            plain = false;
        }
        Ok(match integer {
            Some(integer) if plain && integer <= MAX_INTEGER => Value::Integer(integer),
            _ => Value::OtherNumber,
        })
    }

    /// One digit and more; what they say, if that is a u64.
    fn digits(&mut self) -> Result<Option<u64>, JsonError> {
        let start = self.at;
        let mut integer = Some(0_u64);
        while let Some(digit @ b'0'..=b'9') = self.byte() {
            let digit = u64::from(digit - b'0');
            integer = integer
                .and_then(|integer| integer.checked_mul(10))
                .and_then(|integer| integer.checked_add(digit));
            self.at += 1;
        }
        match self.at == start {
            true => Err(self.syntax()),
            false => Ok(integer),
        }
    }
}
