//! Calls and answers as messages of the crate `http`.

use http::{Request, Response};
use wcmp_auth::call::client::{Caller, SignError};
use wcmp_auth::call::{CallError, CallKey};

use crate::kit::{AUTHORITY, TOKEN, key, verifier};

const NOW: u64 = 1_900_000_100;

#[test]
fn there_and_back() {
    let mut caller = Caller::new(&TOKEN, &key(), AUTHORITY).unwrap();
    let mut request = Request::post("http://127.0.0.1:8080/echo?x=%2F&y")
        .header("content-type", "text/plain")
        .header("content-length", "5")
        .header("content-encoding", "identity")
        .header("content-digest", "to be replaced")
        .body("hello")
        .unwrap();
    let awaiting = caller.sign_request(&mut request, NOW).unwrap();

    let (parts, body) = request.into_parts();
    let verifier = verifier();
    let call = verifier.parse_parts(&parts).unwrap();
    let call = call.authenticate(&CallKey::new(&key().request())).unwrap();
    assert!(call.covers("content-encoding"));
    let mut digests = call.digests().unwrap();
    digests.update(body.as_bytes());
    digests.verify().unwrap();

    let mut response = Response::builder()
        .status(201)
        .header("content-type", "text/plain")
        .header("cache-control", "public")
        .header("cache-control", "max-age=9")
        .header("signature", "to be replaced")
        .body("hi")
        .unwrap();
    let fields = call
        .answering(&CallKey::new(&key().response()))
        .sign(201, Some(b"text/plain"), b"hi", NOW)
        .unwrap();
    fields.set(response.headers_mut());
    let cache = response.headers().get_all("cache-control");
    assert!(cache.iter().eq(["no-store"]));
    assert_eq!(awaiting.verify_response(&response).unwrap().created, NOW);
}

#[test]
fn fields_twice_are_seen() {
    let mut caller = Caller::new(&TOKEN, &key(), AUTHORITY).unwrap();
    let mut request = Request::get("/whoami").body("").unwrap();
    caller.sign_request(&mut request, NOW).unwrap();
    let again = request.headers()["signature"].clone();
    request.headers_mut().append("signature", again);
    let (parts, _) = request.into_parts();
    let verifier = verifier();
    assert_eq!(verifier.parse_parts(&parts).unwrap_err(), CallError::Twice);
}

#[test]
fn what_cannot_be_signed() {
    let mut caller = Caller::new(&TOKEN, &key(), AUTHORITY).unwrap();
    let mut sign = |request: Request<&str>| {
        let mut request = request;
        caller.sign_request(&mut request, NOW).err()
    };
    let post = Request::post("/");
    assert_eq!(sign(post.body("x").unwrap()), Some(SignError::Field));
    let options = Request::options("*");
    assert_eq!(sign(options.body("").unwrap()), Some(SignError::Target));
    let dots = Request::get("/a/../b");
    assert_eq!(sign(dots.body("").unwrap()), Some(SignError::Target));
}
