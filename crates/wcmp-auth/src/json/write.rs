//! One JSON object, written member by member.

use alloc::string::String;
use core::fmt::Write;

use data_encoding::BASE64URL_NOPAD;

/// An object that is not closed yet.
pub(super) struct Object(String);

impl Object {
    pub(super) fn new() -> Object {
        Object(String::from("{"))
    }

    pub(super) fn text(mut self, name: &str, text: &str) -> Object {
        self.name(name);
        self.quoted(text);
        self
    }

    pub(super) fn bytes(mut self, name: &str, bytes: &[u8]) -> Object {
        self.name(name);
        self.quoted(&BASE64URL_NOPAD.encode(bytes));
        self
    }

    pub(super) fn integer(self, name: &str, integer: impl Into<u64>) -> Object {
        self.printed(name, integer.into())
    }

    pub(super) fn boolean(self, name: &str, boolean: bool) -> Object {
        self.printed(name, boolean)
    }

    /// A list of what is JSON already.
    pub(super) fn list<T: core::fmt::Display>(
        mut self,
        name: &str,
        items: impl IntoIterator<Item = T>,
    ) -> Object {
        self.name(name);
        self.0.push('[');
        for (n, item) in items.into_iter().enumerate() {
            if n > 0 {
                self.0.push(',');
            }
            self.print(item);
        }
        self.0.push(']');
        self
    }

    pub(super) fn end(mut self) -> String {
        self.0.push('}');
        self.0
    }

    fn printed(mut self, name: &str, value: impl core::fmt::Display) -> Object {
        self.name(name);
        self.print(value);
        self
    }

    fn name(&mut self, name: &str) {
        if self.0.len() > 1 {
            self.0.push(',');
        }
        self.quoted(name);
        self.0.push(':');
    }

    fn quoted(&mut self, text: &str) {
        self.0.push('"');
        for c in text.chars() {
            match c {
                '"' | '\\' => {
                    self.0.push('\\');
                    self.0.push(c);
                }
                '\0'..='\u{1f}' => self.print(format_args!("\\u{:04x}", u32::from(c))),
                _ => self.0.push(c),
            }
        }
        self.0.push('"');
    }

    fn print(&mut self, value: impl core::fmt::Display) {
        // Writing to a String does not fail.
        let _ = write!(self.0, "{value}");
    }
}
