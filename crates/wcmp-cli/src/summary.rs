//! What is wrong with a bundle: places, counts, how it ends.

use core::fmt;

use wcmp::ParseError;
use wcmp::wire::MAX_ENVELOPE;

use crate::error::Failure;

/// A place of a bundle that gives no envelope, marker to CRC.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    pub(crate) offset: u64,
    pub(crate) len: u64,
    pub(crate) fault: Fault,
}

#[derive(Clone, Copy)]
pub(crate) enum Fault {
    Damaged,
    Skipped,
    /// An intact frame, but what is in it is no envelope.
    NotAnEnvelope(ParseError),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Place { offset, len, .. } = self;
        match self.fault {
            Fault::Damaged => write!(f, "damaged: {len} bytes at offset {offset}"),
            Fault::Skipped => write!(
                f,
                "skipped: {len} bytes at offset {offset}, a frame of more than {MAX_ENVELOPE} bytes"
            ),
            Fault::NotAnEnvelope(error) => write!(
                f,
                "not an envelope: {len} bytes at offset {offset}, {error} ({})",
                error.code()
            ),
        }
    }
}

/// How a bundle ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Ending {
    /// With an End frame that counts what is there.
    #[default]
    Complete,
    /// Without an End frame: cut off, or never closed.
    Cut,
    /// With an End frame that counts other than what is there.
    Miscounted,
    /// With an End frame, after damage.
    Damaged,
}

impl Ending {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Ending::Complete => "complete",
            Ending::Cut => "cut off",
            Ending::Miscounted => "miscounted",
            Ending::Damaged => "damaged",
        }
    }
}

/// What a bundle holds, counted.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Summary {
    pub(crate) envelopes: u64,
    pub(crate) damaged: u64,
    pub(crate) skipped: u64,
    pub(crate) others: u64,
    pub(crate) ending: Ending,
    /// The code of the first frame that is no envelope.
    other_code: Option<&'static str>,
}

impl Summary {
    /// Whether every byte is accounted for; it may still have been cut between two frames.
    pub(crate) fn is_clean(&self) -> bool {
        self.damaged == 0
            && self.skipped == 0
            && self.others == 0
            && self.ending != Ending::Miscounted
    }

    pub(crate) fn is_complete(&self) -> bool {
        self.is_clean() && self.ending == Ending::Complete
    }

    /// Exit code 4 with what is wrong.
    pub(crate) fn failure(&self, what: String) -> Box<Failure> {
        let code = if self.damaged > 0 || self.ending != Ending::Complete {
            "bundle"
        } else if self.skipped > 0 {
            "size"
        } else {
            self.other_code.unwrap_or("bundle")
        };
        let mut wrong = Vec::new();
        if self.damaged > 0 {
            wrong.push(plural(self.damaged, "damaged place"));
        }
        if self.skipped > 0 {
            wrong.push(plural(self.skipped, "frame too large"));
        }
        if self.others > 0 {
            wrong.push(plural(self.others, "frame without an envelope"));
        }
        match self.ending {
            Ending::Complete | Ending::Damaged => {}
            Ending::Cut => wrong.push("incomplete: cut off".into()),
            Ending::Miscounted => wrong.push("incomplete: its end counts other frames".into()),
        }
        Failure::refused(what, code, wrong.join(", "))
    }

    pub(crate) fn add(&mut self, place: &Place) {
        match place.fault {
            Fault::Damaged => self.damaged += 1,
            Fault::Skipped => self.skipped += 1,
            Fault::NotAnEnvelope(error) => {
                self.others += 1;
                self.other_code = self.other_code.or(Some(error.code()));
            }
        }
    }
}

/// `1 envelope`, `2 envelopes`; `1 frame too large`, `2 frames too large`.
pub(crate) fn plural(count: u64, what: &str) -> String {
    match (count, what.split_once(' ')) {
        (1, _) => format!("1 {what}"),
        (_, Some(("frame", rest))) => format!("{count} frames {rest}"),
        _ => format!("{count} {what}s"),
    }
}
