//! Hours and times to live (spec 0, 7.1).

use rand_core::TryCryptoRng;

/// The hour of a unix time in seconds; times before 1970 and after hour 2^32 - 1
/// saturate.
#[must_use]
pub fn hour(unix_seconds: i64) -> u32 {
    let hours = unix_seconds.max(0) / 3600;
    u32::try_from(hours).unwrap_or(u32::MAX)
}

/// How long carriers may hand a message on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ttl {
    /// Up to 24 hours.
    Day,
    /// Up to 168 hours.
    Week,
    /// Up to 720 hours, the most that relays accept.
    Month,
}

impl Ttl {
    /// The time in hours.
    #[must_use]
    pub const fn hours(self) -> u32 {
        match self {
            Ttl::Day => 24,
            Ttl::Week => 168,
            Ttl::Month => 720,
        }
    }

    /// An hour of expiry: `now` plus a uniform number of hours from half the time to
    /// the whole of it, so that it does not tell when the message was written.
    ///
    /// # Errors
    /// Those of the RNG.
    pub fn expires<R: TryCryptoRng + ?Sized>(self, now: u32, rng: &mut R) -> Result<u32, R::Error> {
        let half = self.hours() / 2;
        let choices = half + 1;
        // Rejection keeps every hour equally likely.
        let fair = u32::MAX - u32::MAX % choices;
        loop {
            let drawn = rng.try_next_u32()?;
            if drawn < fair {
                return Ok(now.saturating_add(half + drawn % choices));
            }
        }
    }
}
