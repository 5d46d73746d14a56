//! What went wrong, for people and for scripts: one line, a code, an exit code.

use core::fmt;
use std::io;
use std::process::ExitCode;

use serde_json::{Map, Value, json};
use wcmp::{KeyError, OpenError, ParseError, SealError};

/// Result of a command or of a part of one.
pub(crate) type Result<T> = core::result::Result<T, Box<Failure>>;

/// The exit codes that are not 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// The machine's fault: files, disks, random numbers.
    Failed = 1,
    /// The command line is wrong.
    Usage = 2,
    /// Nothing here is for these keys.
    NothingForMe = 3,
    /// Invalid, tampered with, or expired.
    Refused = 4,
    /// A passphrase or secret does not fit.
    Locked = 5,
}

/// Why a command did not do what it was asked to: `what: why`.
#[derive(Debug)]
pub(crate) struct Failure {
    what: String,
    why: String,
    code: Option<&'static str>,
    exit: Exit,
    hint: Option<String>,
    document: Map<String, Value>,
    broken_pipe: bool,
}

impl Failure {
    fn new(exit: Exit, what: impl Into<String>, why: impl fmt::Display) -> Box<Failure> {
        Box::new(Failure {
            what: what.into(),
            why: why.to_string(),
            code: None,
            exit,
            hint: None,
            document: Map::new(),
            broken_pipe: false,
        })
    }

    /// Exit code 1.
    pub(crate) fn failed(what: impl Into<String>, why: impl fmt::Display) -> Box<Failure> {
        Failure::new(Exit::Failed, what, why)
    }

    /// Exit code 1: the system refused.
    pub(crate) fn io(what: impl Into<String>, error: &io::Error) -> Box<Failure> {
        let mut failure = Failure::failed(what, without_number(error));
        failure.broken_pipe = error.kind() == io::ErrorKind::BrokenPipe;
        failure
    }

    /// Exit code 2.
    pub(crate) fn usage(what: impl Into<String>, why: impl fmt::Display) -> Box<Failure> {
        Failure::new(Exit::Usage, what, why)
    }

    /// Exit code 4 with a code of the specification, or 3 if that is `not-for-me`.
    pub(crate) fn refused(
        what: impl Into<String>,
        code: &'static str,
        why: impl fmt::Display,
    ) -> Box<Failure> {
        let exit = match code {
            "not-for-me" => Exit::NothingForMe,
            _ => Exit::Refused,
        };
        let mut failure = Failure::new(exit, what, why);
        failure.code = Some(code);
        failure
    }

    /// Exit code 5: a sealed bundle that this passphrase or secret does not open.
    pub(crate) fn locked(what: impl Into<String>, why: impl fmt::Display) -> Box<Failure> {
        let mut failure = Failure::new(Exit::Locked, what, why);
        failure.code = Some("bundle");
        failure
    }

    pub(crate) fn key(what: impl Into<String>, error: KeyError) -> Box<Failure> {
        match error {
            KeyError::Random => Failure::failed(what, error),
            _ => Failure::refused(what, "key", error),
        }
    }

    pub(crate) fn parse(what: impl Into<String>, error: ParseError) -> Box<Failure> {
        Failure::refused(what, error.code(), error)
    }

    pub(crate) fn open(what: impl Into<String>, error: OpenError) -> Box<Failure> {
        Failure::refused(what, error.code(), error)
    }

    pub(crate) fn seal(what: impl Into<String>, error: SealError) -> Box<Failure> {
        match error.code() {
            Some(code) => Failure::refused(what, code, error),
            None => Failure::failed(what, error),
        }
    }

    /// Says what to do about it.
    pub(crate) fn hint(mut self: Box<Self>, hint: impl Into<String>) -> Box<Failure> {
        self.hint = Some(hint.into());
        self
    }

    /// Further fields of the JSON document.
    pub(crate) fn with(mut self: Box<Self>, document: Map<String, Value>) -> Box<Failure> {
        self.document = document;
        self
    }

    pub(crate) fn is_broken_pipe(&self) -> bool {
        self.broken_pipe
    }

    pub(crate) fn is_code(&self, code: &str) -> bool {
        self.code == Some(code)
    }

    pub(crate) fn exit(&self) -> Exit {
        self.exit
    }

    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.exit as u8)
    }

    /// The lines for standard error.
    pub(crate) fn lines(&self) -> String {
        let mut lines = format!("wcmp: {}", one_line(&self.text()));
        if let Some(hint) = &self.hint {
            lines.push_str("\nhint: ");
            lines.push_str(&one_line(hint));
        }
        lines
    }

    /// The document for standard output.
    pub(crate) fn document(&self) -> Value {
        let mut document = Map::new();
        document.insert("error".into(), json!(self.text()));
        document.insert("code".into(), json!(self.code));
        document.extend(self.document.clone());
        Value::Object(document)
    }

    fn text(&self) -> String {
        match self.code {
            Some(code) => format!("{}: {} ({code})", self.what, self.why),
            None => format!("{}: {}", self.what, self.why),
        }
    }
}

/// The system's words without "(os error 2)".
fn without_number(error: &io::Error) -> String {
    let text = error.to_string();
    match text.rsplit_once(" (os error ") {
        Some((words, _)) => words.into(),
        None => text,
    }
}

/// The text with everything escaped that moves a terminal's cursor, changes its state or turns its writing around.
pub(crate) fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\u{061c}'
            | '\u{200e}'
            | '\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}' => line.extend(c.escape_unicode()),
            c if c.is_control() => line.extend(c.escape_default()),
            c => line.push(c),
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_hold_no_control_characters() {
        let failure = Failure::failed("reading a\u{1b}[2J\nb", "\u{9b}31m\u{202e}").hint("x\ry");
        assert_eq!(
            failure.lines(),
            "wcmp: reading a\\u{1b}[2J\\nb: \\u{9b}31m\\u{202e}\nhint: x\\ry"
        );
    }

    #[test]
    fn not_for_me_has_an_exit_code_of_its_own() {
        let failure = Failure::open("opening x", OpenError::NotForMe);
        assert_eq!(failure.exit(), Exit::NothingForMe);
        assert_eq!(failure.document()["code"], "not-for-me");
        let failure = Failure::seal("sealing", SealError::Random);
        assert_eq!(failure.exit(), Exit::Failed);
        assert_eq!(failure.document()["code"], Value::Null);
    }

    #[test]
    fn the_systems_numbers_are_left_out() {
        let missing = io::Error::from_raw_os_error(2);
        let failure = Failure::io("reading x", &missing);
        assert_eq!(
            failure.lines(),
            "wcmp: reading x: No such file or directory"
        );
    }
}
