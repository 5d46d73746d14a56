//! What a command says: JSON documents, messages, progress, and which hour it is.

use core::time::Duration;
use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;

use indicatif::{ProgressBar, ProgressFinish, ProgressStyle};
use jiff::Timestamp;
use serde::Serialize;
use wcmp::hour;

use crate::error::{Failure, Result, one_line};
use crate::io::write_stdout;

/// Less is done before anybody looks.
const WORTH_A_BAR: u64 = 8 << 20;

/// The options that every command has.
#[derive(Clone, Debug)]
pub(crate) struct Ui {
    pub(crate) json: bool,
    pub(crate) quiet: bool,
    pub(crate) now: Option<u32>,
    /// The home folder asked for.
    pub(crate) home: Option<PathBuf>,
}

impl Ui {
    /// The hour: the one asked for, else the clock's.
    pub(crate) fn hour(&self) -> u32 {
        self.now
            .unwrap_or_else(|| hour(Timestamp::now().as_second()))
    }

    /// A message to the person at the terminal, if there is one.
    pub(crate) fn note(&self, text: &str) {
        if !self.quiet && io::stderr().is_terminal() {
            complain(text);
        }
    }

    /// One JSON document on a line of its own.
    pub(crate) fn document(&self, document: &impl Serialize) -> Result<()> {
        write_stdout(json_line(document)?.as_bytes())
    }

    /// A bar over so many steps that are no bytes.
    pub(crate) fn steps(&self, steps: u64) -> ProgressBar {
        if self.quiet || !io::stderr().is_terminal() {
            return ProgressBar::hidden();
        }
        let bar = ProgressBar::new(steps).with_finish(ProgressFinish::AndClear);
        if let Ok(style) = ProgressStyle::with_template("{bar:32} {human_pos}/{human_len} {eta}") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(200));
        bar
    }

    /// A bar over so many bytes; nothing is drawn for few, or unless standard error is a terminal.
    pub(crate) fn progress(&self, bytes: u64) -> ProgressBar {
        if bytes < WORTH_A_BAR || self.quiet || !io::stderr().is_terminal() {
            return ProgressBar::hidden();
        }
        let bar = ProgressBar::new(bytes).with_finish(ProgressFinish::AndClear);
        let style = "{bar:32} {bytes}/{total_bytes} {binary_bytes_per_sec} {eta}";
        if let Ok(style) = ProgressStyle::with_template(style) {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(200));
        bar
    }

    /// For work of unknown length; drawn like [`Ui::progress`].
    pub(crate) fn spinner(&self) -> ProgressBar {
        if self.quiet || !io::stderr().is_terminal() {
            return ProgressBar::hidden();
        }
        let spinner = ProgressBar::new_spinner().with_finish(ProgressFinish::AndClear);
        spinner.enable_steady_tick(Duration::from_millis(200));
        spinner
    }
}

/// A line on standard error.
pub(crate) fn complain(text: &str) {
    say(&one_line(text));
}

/// Lines on standard error that are safe on a terminal. If nobody can read them, nobody can be told.
pub(crate) fn say(lines: &str) {
    let _ = writeln!(io::stderr().lock(), "{lines}");
}

/// The document as a line that is safe on a terminal.
pub(crate) fn json_line(document: &impl Serialize) -> Result<String> {
    let text =
        serde_json::to_string(document).map_err(|error| Failure::failed("writing JSON", error))?;
    let mut line = String::with_capacity(text.len() + 1);
    // Outside of strings JSON is ASCII; inside, these may be escaped.
    for c in text.chars() {
        match c {
            '\u{7f}'..='\u{9f}' => line.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => line.push(c),
        }
    }
    line.push('\n');
    Ok(line)
}

/// The hour as a date, as far as the calendar goes.
pub(crate) fn date(hour: u32) -> String {
    match Timestamp::from_second(i64::from(hour) * 3600) {
        Ok(time) => time.strftime("%Y-%m-%d %H:00 UTC").to_string(),
        Err(_) => "after the year 9999".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_holds_nothing_that_a_terminal_obeys() {
        let line = json_line(&"\u{1b}[2J\u{9b}2J\u{7f}\u{e9}").unwrap();
        assert_eq!(line, "\"\\u001b[2J\\u009b2J\\u007f\u{e9}\"\n");
        let back: String = serde_json::from_str(&line).unwrap();
        assert_eq!(back, "\u{1b}[2J\u{9b}2J\u{7f}\u{e9}");
    }

    #[test]
    fn every_hour_has_a_date() {
        assert_eq!(date(0), "1970-01-01 00:00 UTC");
        assert_eq!(date(494_000), "2026-05-10 08:00 UTC");
        assert_eq!(date(u32::MAX), "after the year 9999");
    }
}
