//! The messages of `wcmp-auth` as JSON: any text is refused, or comes back.

use std::fmt::Debug;

use wcmp_auth::json::{Json, Refusal};
use wcmp_auth::message::{
    Challenge, Devices, Finish, Grant, Introspect, Introspection, PasswordChange,
    PasswordParameters, Refresh, Refreshed, Registered, Registration, Revoke, Start,
};

/// Whether what a text says is what its writing says, once and again.
fn comes_back<T: Json + PartialEq + Debug>(text: &[u8]) {
    let Ok(message) = T::from_json(text) else {
        return;
    };
    let written = message.to_json();
    let read = T::from_json(written.as_bytes());
    assert_eq!(read.as_ref(), Ok(&message), "{written}");
    // What we write is what others read: JSON, without what parsers differ in.
    let theirs: serde_json::Value = serde_json::from_str(&written).expect("no JSON is written");
    let theirs = theirs.to_string();
    assert_eq!(T::from_json(theirs.as_bytes()), Ok(message), "{theirs}");
}

/// Whether every message that the bytes are comes back.
///
/// # Panics
/// If not.
pub fn json(data: &[u8]) {
    comes_back::<Start>(data);
    comes_back::<Challenge>(data);
    comes_back::<Finish>(data);
    comes_back::<Grant>(data);
    comes_back::<Refresh>(data);
    comes_back::<Refreshed>(data);
    comes_back::<Revoke>(data);
    comes_back::<Introspect>(data);
    comes_back::<Introspection>(data);
    comes_back::<Devices>(data);
    comes_back::<PasswordParameters>(data);
    comes_back::<PasswordChange>(data);
    comes_back::<Registration>(data);
    comes_back::<Registered>(data);
    comes_back::<Refusal>(data);
}
