//! Structured fields (RFC 9651, section 4.2) over received bytes.
//!
//! A cursor that its user drives: nothing is collected, nothing recurses, and
//! [`Cursor::since`] gives back the received bytes of what was read, so that
//! nobody needs to serialise them again.

/// What a byte can be part of.
mod class {
    /// A key (section 4.2.3.3) behind its first character.
    pub(super) const KEY: u8 = 1;
    /// tchar of RFC 9110, section 5.6.2.
    pub(super) const TCHAR: u8 = 2;
    /// A token (section 4.2.6) behind its first character.
    pub(super) const TOKEN: u8 = 4;
    pub(super) const DIGIT: u8 = 8;
    /// Base64, its padding left out.
    pub(super) const BASE64: u8 = 16;
    /// A string (section 4.2.5), what ends or escapes left out.
    pub(super) const TEXT: u8 = 32;

    /// By byte: a look costs the same for all, where ranges to compare with would
    /// be guessed wrong at every other character of a base64.
    const OF: [u8; 256] = {
        let mut of = [0; 256];
        let (mut rest, mut byte): (&mut [u8], u8) = (&mut of, 0);
        while let Some((first, more)) = rest.split_first_mut() {
            *first = classes(byte);
            (rest, byte) = (more, byte.wrapping_add(1));
        }
        of
    };

    const fn classes(byte: u8) -> u8 {
        match byte {
            b'a'..=b'z' => KEY | TCHAR | TOKEN | BASE64 | TEXT,
            b'A'..=b'Z' => TCHAR | TOKEN | BASE64 | TEXT,
            b'0'..=b'9' => KEY | TCHAR | TOKEN | DIGIT | BASE64 | TEXT,
            b'_' | b'-' | b'.' | b'*' => KEY | TCHAR | TOKEN | TEXT,
            b'+' => TCHAR | TOKEN | BASE64 | TEXT,
            b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'^' | b'`' | b'|' | b'~' => {
                TCHAR | TOKEN | TEXT
            }
            b'/' => TOKEN | BASE64 | TEXT,
            b':' => TOKEN | TEXT,
            b'"' | b'\\' => 0,
            b' '..=b'~' => TEXT,
            _ => 0,
        }
    }

    pub(super) fn is(byte: u8, class: u8) -> bool {
        OF.get(usize::from(byte)).is_some_and(|of| of & class != 0)
    }
}

/// The bytes are not a structured field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Syntax;

/// A bare item (RFC 9651, section 3.3) where it stands in the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bare<'a> {
    Integer(i64),
    /// In thousandths.
    Decimal(i64),
    /// What stands between the quotes. Only `"` and `\` can be escaped, so a
    /// text without these is this, or is not what was meant.
    String(&'a [u8]),
    Token(&'a [u8]),
    /// The base64 between the colons, well-formed. Padding may be left out, and the
    /// bits that it leaves unused are not looked at (section 4.2.7).
    Bytes(&'a [u8]),
    Boolean(bool),
    Date(i64),
    /// What stands between the quotes, percent-encoded UTF-8.
    Display(&'a [u8]),
}

/// All that it reads is ASCII, which its user may count on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    /// At the beginning of a field's value.
    pub(crate) fn new(field: &'a [u8]) -> Cursor<'a> {
        let mut cursor = Cursor { rest: field };
        cursor.spaces();
        cursor
    }

    /// The received bytes between `mark`, a former state of this cursor, and
    /// here.
    pub(crate) fn since(&self, mark: Cursor<'a>) -> &'a [u8] {
        let len = mark.rest.len().saturating_sub(self.rest.len());
        mark.rest.get(..len).unwrap_or_default()
    }

    pub(crate) fn eat(&mut self, byte: u8) -> bool {
        match self.rest {
            [first, rest @ ..] if *first == byte => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    /// Whether another member of a list or dictionary follows (section 4.2.1,
    /// 4.2.2); then the cursor is at it.
    pub(crate) fn member_follows(&mut self, first: bool) -> Result<bool, Syntax> {
        if first {
            return Ok(!self.rest.is_empty());
        }
        self.white_space();
        if self.rest.is_empty() {
            return Ok(false);
        }
        self.need(b',')?;
        self.white_space();
        if self.rest.is_empty() {
            return Err(Syntax);
        }
        Ok(true)
    }

    /// Whether another item of an inner list follows, of which "(" was read
    /// (section 4.2.1.2). Reads ")" if not.
    pub(crate) fn item_follows(&mut self, first: bool) -> Result<bool, Syntax> {
        if !first && !matches!(self.rest, [b' ' | b')', ..]) {
            return Err(Syntax);
        }
        self.spaces();
        if self.eat(b')') {
            return Ok(false);
        }
        Ok(true)
    }

    /// The next parameter, if one follows (section 4.2.3.2).
    #[inline(always)] // what it has read is not copied again
    pub(crate) fn parameter(&mut self) -> Result<Option<(&'a [u8], Bare<'a>)>, Syntax> {
        if !self.eat(b';') {
            return Ok(None);
        }
        self.spaces();
        let key = self.key()?;
        let value = match self.eat(b'=') {
            true => self.bare()?,
            false => Bare::Boolean(true),
        };
        Ok(Some((key, value)))
    }

    /// Reads parameters that nobody asked for.
    pub(crate) fn skip_parameters(&mut self) -> Result<(), Syntax> {
        while self.parameter()?.is_some() {}
        Ok(())
    }

    /// A key (section 4.2.3.3).
    pub(crate) fn key(&mut self) -> Result<&'a [u8], Syntax> {
        match self.rest {
            [b'a'..=b'z' | b'*', ..] => Ok(self.take(class::KEY)),
            _ => Err(Syntax),
        }
    }

    /// A bare item (section 4.2.3.1).
    pub(crate) fn bare(&mut self) -> Result<Bare<'a>, Syntax> {
        match self.rest {
            [b'-' | b'0'..=b'9', ..] => self.number(),
            [b'"', ..] => {
                self.advance(1);
                self.string()
            }
            [b'a'..=b'z' | b'A'..=b'Z' | b'*', ..] => Ok(Bare::Token(self.take(class::TOKEN))),
            [b':', ..] => {
                self.advance(1);
                self.bytes()
            }
            [b'?', digit @ (b'0' | b'1'), ..] => {
                let value = *digit == b'1';
                self.advance(2);
                Ok(Bare::Boolean(value))
            }
            [b'@', ..] => {
                self.advance(1);
                match self.number()? {
                    Bare::Integer(seconds) => Ok(Bare::Date(seconds)),
                    _ => Err(Syntax),
                }
            }
            [b'%', b'"', ..] => {
                self.advance(2);
                self.display()
            }
            _ => Err(Syntax),
        }
    }

    /// Section 4.2.4: at most 15 digits, or 12 and 3 after the point.
    fn number(&mut self) -> Result<Bare<'a>, Syntax> {
        let sign = if self.eat(b'-') { -1 } else { 1 };
        let whole = self.take(class::DIGIT);
        let value = digits(whole)?;
        if !self.eat(b'.') {
            return match whole.len() {
                1..=15 => Ok(Bare::Integer(sign * value)),
                _ => Err(Syntax),
            };
        }
        let part = self.take(class::DIGIT);
        let thousandths = match part.len() {
            1 => digits(part)? * 100,
            2 => digits(part)? * 10,
            3 => digits(part)?,
            _ => return Err(Syntax),
        };
        match whole.len() {
            1..=12 => Ok(Bare::Decimal(sign * (value * 1000 + thousandths))),
            _ => Err(Syntax),
        }
    }

    /// Section 4.2.5, after the first quote.
    fn string(&mut self) -> Result<Bare<'a>, Syntax> {
        let mut after = self.rest.iter();
        loop {
            match after.find(|byte| !class::is(**byte, class::TEXT)) {
                Some(b'"') => break,
                Some(b'\\') if matches!(after.next(), Some(b'"' | b'\\')) => {}
                _ => return Err(Syntax),
            }
        }
        Ok(Bare::String(self.quoted(after.len())))
    }

    /// Section 4.2.7, after the first colon: a whole number of bytes, and padding, if
    /// any, that fills up four characters.
    fn bytes(&mut self) -> Result<Bare<'a>, Syntax> {
        let mut start = *self;
        let (bare, mut padding) = (self.take(class::BASE64).len(), 0);
        while self.eat(b'=') {
            padding += 1;
        }
        let text = start.advance(bare + padding);
        let fits = padding == 0 || padding <= 2 && text.len().is_multiple_of(4);
        self.need(b':')?;
        match fits && bare % 4 != 1 {
            true => Ok(Bare::Bytes(text)),
            false => Err(Syntax),
        }
    }

    /// Section 4.2.10, after the first quote.
    fn display(&mut self) -> Result<Bare<'a>, Syntax> {
        let mut after = self.rest.iter();
        // Bytes of a character that are still to come, and the range of the next.
        let mut utf8 = Utf8::default();
        loop {
            match after.next() {
                Some(b'"') if utf8.is_complete() => break,
                Some(b'%') => {
                    let (high, low) = (hex(after.next())?, hex(after.next())?);
                    utf8.push(high << 4 | low)?;
                }
                Some(byte @ b' '..=b'~') if *byte != b'"' => utf8.push(*byte)?,
                _ => return Err(Syntax),
            }
        }
        Ok(Bare::Display(self.quoted(after.len())))
    }

    /// What stands before the closing quote, behind which are `after` bytes.
    fn quoted(&mut self, after: usize) -> &'a [u8] {
        let text = self.advance((self.rest.len() - after).saturating_sub(1));
        self.advance(1);
        text
    }

    fn need(&mut self, byte: u8) -> Result<(), Syntax> {
        if self.eat(byte) { Ok(()) } else { Err(Syntax) }
    }

    fn spaces(&mut self) {
        while self.eat(b' ') {}
    }

    fn white_space(&mut self) {
        while self.eat(b' ') || self.eat(b'\t') {}
    }

    /// The longest text of a class.
    fn take(&mut self, class: u8) -> &'a [u8] {
        let rest = self.rest;
        let len = rest.iter().position(|byte| !class::is(*byte, class));
        self.advance(len.unwrap_or(rest.len()))
    }

    /// The next `len` bytes, if there are as many.
    fn advance(&mut self, len: usize) -> &'a [u8] {
        let (text, rest) = self.rest.split_at_checked(len).unwrap_or((&[], self.rest));
        self.rest = rest;
        text
    }
}

/// tchar of RFC 9110, section 5.6.2.
pub(crate) fn is_tchar(byte: u8) -> bool {
    class::is(byte, class::TCHAR)
}

fn digits(text: &[u8]) -> Result<i64, Syntax> {
    if text.is_empty() || text.len() > 15 {
        return Err(Syntax);
    }
    Ok(text
        .iter()
        .fold(0, |value, digit| value * 10 + i64::from(digit - b'0')))
}

fn hex(byte: Option<&u8>) -> Result<u8, Syntax> {
    match byte {
        Some(digit @ b'0'..=b'9') => Ok(digit - b'0'),
        Some(digit @ b'a'..=b'f') => Ok(digit - b'a' + 10),
        _ => Err(Syntax),
    }
}

/// One character of UTF-8, as far as it was read.
#[derive(Default)]
struct Utf8 {
    bytes: [u8; 4],
    len: usize,
}

impl Utf8 {
    fn is_complete(&self) -> bool {
        self.len == 0
    }

    fn push(&mut self, byte: u8) -> Result<(), Syntax> {
        *self.bytes.get_mut(self.len).ok_or(Syntax)? = byte;
        self.len += 1;
        match str::from_utf8(self.bytes.get(..self.len).unwrap_or_default()) {
            Ok(_) => self.len = 0,
            // Wrong, and not only unfinished.
            Err(error) if error.error_len().is_some() => return Err(Syntax),
            Err(_) => {}
        }
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::cast_precision_loss, reason = "three digits after the point")]
mod tests;
