//! Bodies: read up to a limit, or not at all.

use core::pin::Pin;
use core::task::{Context, Poll, ready};
use core::time::Duration;

use axum::body::{Body, Bytes};
use http::HeaderMap;
use http::header::{CONTENT_LENGTH, EXPECT};
use http_body::Body as _;
use http_body_util::BodyExt as _;
use tokio::time::timeout;

/// Bytes of an unwanted body that are taken off the wire for an orderly end.
const LINGER: usize = 64 << 20;
/// For how long.
const LINGER_TIME: Duration = Duration::from_secs(10);
/// How long a wanted body may stand still.
const STALL_TIME: Duration = Duration::from_secs(30);

/// Why a body was not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unread {
    /// Longer than the limit: 413.
    TooLong,
    /// The connection broke off or stands still, or its framing is wrong: 400.
    Broken,
}

/// All of a body of at most `limit` bytes.
pub(crate) async fn read(headers: &HeaderMap, body: Body, limit: usize) -> Result<Bytes, Unread> {
    let announced = headers.get(CONTENT_LENGTH).and_then(|length| {
        let length: u64 = length.to_str().ok()?.parse().ok()?;
        usize::try_from(length).ok()
    });
    if announced.is_some_and(|length| length > limit) {
        leave(headers, body);
        return Err(Unread::TooLong);
    }
    let (mut whole, mut body) = (Whole::default(), body);
    loop {
        let frame = timeout(STALL_TIME, body.frame()).await;
        let Some(frame) = frame.map_err(|_| Unread::Broken)? else {
            return Ok(whole.into_bytes());
        };
        // Trailers are not covered by anything: not looked at.
        if let Ok(data) = frame.map_err(|_| Unread::Broken)?.into_data()
            && !whole.push(data, limit)
        {
            leave(headers, body);
            return Err(Unread::TooLong);
        }
    }
}

/// All of an answer's content, of at most `limit` bytes, which may be as slow as its
/// handler.
pub(crate) struct Content {
    body: Body,
    whole: Whole,
    limit: usize,
}

impl Content {
    pub(crate) fn new(body: Body, limit: usize) -> Content {
        Content {
            body,
            whole: Whole::default(),
            limit,
        }
    }

    /// To be called until it is ready.
    pub(crate) fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<Bytes, Unread>> {
        while let Some(frame) = ready!(Pin::new(&mut self.body).poll_frame(context)) {
            let Ok(frame) = frame else {
                return Poll::Ready(Err(Unread::Broken));
            };
            if let Ok(data) = frame.into_data()
                && !self.whole.push(data, self.limit)
            {
                return Poll::Ready(Err(Unread::TooLong));
            }
        }
        Poll::Ready(Ok(core::mem::take(&mut self.whole).into_bytes()))
    }
}

/// What comes in one piece, as most bodies do, is not copied.
#[derive(Default)]
struct Whole {
    first: Bytes,
    /// All of it, once there is a second piece.
    joined: Vec<u8>,
}

impl Whole {
    /// Whether it is within the limit; nothing is added otherwise.
    fn push(&mut self, data: Bytes, limit: usize) -> bool {
        if data.len() > limit - self.first.len().max(self.joined.len()) {
            return false;
        }
        if self.first.is_empty() {
            self.first = data;
            return true;
        }
        if self.joined.is_empty() {
            self.joined.extend_from_slice(&self.first);
        }
        self.joined.extend_from_slice(&data);
        true
    }

    fn into_bytes(self) -> Bytes {
        match self.joined.is_empty() {
            true => self.first,
            false => self.joined.into(),
        }
    }
}

/// Leaves a body unread. The answer goes out without it; but a server that closes
/// a connection with bytes unread resets it, and a client still sending may never
/// see that answer. So, beside the answer, what comes of the body is thrown away,
/// up to a limit and for a time.
pub(crate) fn leave(headers: &HeaderMap, mut body: Body) {
    // Who waits for "100 Continue" has not sent it, and is not asked to.
    if body.is_end_stream() || headers.contains_key(EXPECT) {
        return;
    }
    tokio::spawn(timeout(LINGER_TIME, async move {
        let mut left = LINGER;
        while let Some(Ok(frame)) = body.frame().await {
            let length = frame.data_ref().map_or(0, Bytes::len);
            match left.checked_sub(length) {
                Some(rest) => left = rest,
                None => break,
            }
        }
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_joined_up_to_the_limit_and_one_is_not_copied() {
        let pieces: [&'static [u8]; 5] = [b"", b"ab", b"", b"cde", b"f"];
        for limit in 0..=7 {
            let mut whole = Whole::default();
            let fits = pieces
                .iter()
                .all(|piece| whole.push(Bytes::from_static(piece), limit));
            assert_eq!(fits, limit >= 6, "{limit}");
            let expected: &[u8] = match limit {
                0 | 1 => b"",
                2..=4 => b"ab",
                5 => b"abcde",
                _ => b"abcdef",
            };
            assert_eq!(whole.into_bytes(), expected, "{limit}");
        }
        let one = Bytes::from(vec![7; 100]);
        let mut whole = Whole::default();
        assert!(whole.push(one.clone(), 100));
        assert_eq!(whole.into_bytes().as_ptr(), one.as_ptr());
    }
}
