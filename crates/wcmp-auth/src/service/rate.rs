//! Rate limits (auth 3): counted before a password is checked, and given back
//! where it was right or the challenge was used up.

use core::net::IpAddr;

/// Where a request comes from, as far as limits tell: an IPv4 /24 or an IPv6 /56.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Source {
    /// The first 24 bits of an IPv4 address.
    V4([u8; 3]),
    /// The first 56 bits of an IPv6 address.
    V6([u8; 7]),
}

impl From<IpAddr> for Source {
    /// An IPv4 address written as an IPv6 one is an IPv4 address.
    fn from(address: IpAddr) -> Source {
        match address.to_canonical() {
            IpAddr::V4(v4) => {
                let [a, b, c, _] = v4.octets();
                Source::V4([a, b, c])
            }
            IpAddr::V6(v6) => {
                let [a, b, c, d, e, f, g, ..] = v6.octets();
                Source::V6([a, b, c, d, e, f, g])
            }
        }
    }
}

/// Too much: the same request may be sent again after this many seconds, 1 to 60.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryAfter(pub u32);

/// Counts. May be one process's own where several serve: a fleet of n is then n
/// times as generous.
pub trait RateLimiter: Send + Sync {
    /// Counts a start, or a registration.
    ///
    /// # Errors
    /// [`RetryAfter`], and nothing is counted.
    fn start(&self, source: Source, now: u64) -> Result<(), RetryAfter>;

    /// Counts a finish as if its password were wrong. `login` may be unknown.
    ///
    /// # Errors
    /// [`RetryAfter`], and nothing is counted.
    fn finish(&self, login: &str, source: Source, now: u64) -> Result<(), RetryAfter>;

    /// Takes back a finish that was no guess; `success`: since it was right.
    fn give_back(&self, login: &str, source: Source, success: bool, now: u64);
}
