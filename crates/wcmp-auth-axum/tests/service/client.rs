//! A client over real TCP: HTTP by hand, so that what goes over the wire can be
//! anything, and KNH1 by `wcmp_auth`.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Mutex;
use std::time::Duration;

use rand_core::{TryCryptoRng, TryRng};
use wcmp_auth::Suites;
use wcmp_auth::call::client::{Answer, AnswerError, Awaiting, Caller, Content, Request};
use wcmp_auth::client::{ClientConfig, LoginStart, Pending, Session};
use wcmp_auth::json::{Json, Refusal};
use wcmp_auth::message::{Challenge, Finish, Grant};
use wcmp_auth::service::{Clock as _, Rng as _};
use wcmp_auth_axum::System;

/// Not where it listens: what is signed comes from the configuration.
pub(crate) const AUTHORITY: &str = "api.example.com:8443";
pub(crate) const REALM: &str = "api.example.com";
pub(crate) const PASSWORD: &str = "corréct horse";

/// A response as received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Response {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut all = self.headers.iter().filter(|(one, _)| one == name);
        let value = all.next().map(|(_, value)| value.as_str());
        assert!(all.next().is_none(), "{name} twice");
        value
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    /// The error's code.
    pub(crate) fn error(&self) -> String {
        Refusal::from_json(&self.body).unwrap().error
    }
}

/// Sends all of it, then reads the answer.
pub(crate) fn send(to: SocketAddr, request: &[u8]) -> Response {
    let mut stream = connect(to);
    stream.write_all(request).unwrap();
    receive(stream)
}

pub(crate) fn connect(to: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(to).unwrap();
    // Whoever waits for what does not come fails.
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    stream
        .set_write_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    stream
}

pub(crate) fn receive(mut stream: TcpStream) -> Response {
    let mut bytes = Vec::new();
    let head = loop {
        if let Some(head) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break head;
        }
        let mut some = [0; 4096];
        let count = stream.read(&mut some).unwrap();
        assert_ne!(
            count,
            0,
            "no answer but {:?}",
            String::from_utf8_lossy(&bytes)
        );
        bytes.extend(&some[..count]);
    };
    let text = String::from_utf8(bytes[..head].to_vec()).unwrap();
    let mut lines = text.split("\r\n");
    let status = lines
        .next()
        .unwrap()
        .split(' ')
        .nth(1)
        .unwrap()
        .parse()
        .unwrap();
    let headers: Vec<(String, String)> = lines
        .map(|line| line.split_once(": ").unwrap())
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let mut response = Response {
        status,
        headers,
        body: bytes[head + 4..].to_vec(),
    };
    stream.read_to_end(&mut response.body).unwrap();
    let _ = stream.shutdown(Shutdown::Both);
    response
}

/// A request's head and body, as they are sent.
pub(crate) fn request(
    method: &str,
    target: &str,
    headers: &[(&str, &str)],
    body: Option<&[u8]>,
) -> Vec<u8> {
    let mut out = format!("{method} {target} HTTP/1.1\r\nHost: elsewhere\r\nConnection: close\r\n");
    for (name, value) in headers {
        out += &format!("{name}: {value}\r\n");
    }
    if let Some(body) = body {
        out += &format!("Content-Length: {}\r\n", body.len());
    }
    out += "\r\n";
    let mut out = out.into_bytes();
    out.extend(body.unwrap_or_default());
    out
}

/// Sends JSON that nobody signs.
pub(crate) fn post(to: SocketAddr, target: &str, json: &str) -> Response {
    let headers = [("Content-Type", "application/json")];
    send(
        to,
        &request("POST", target, &headers, Some(json.as_bytes())),
    )
}

/// The system's random numbers.
pub(crate) struct Random;

impl TryRng for Random {
    type Error = core::convert::Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        panic!("only bytes are drawn")
    }

    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        panic!("only bytes are drawn")
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Self::Error> {
        System.fill(out).unwrap();
        Ok(())
    }
}

impl TryCryptoRng for Random {}

/// A login up to its finish.
pub(crate) fn prove(
    to: SocketAddr,
    login: &str,
    password: &str,
    scopes: &str,
) -> Result<(Finish, Pending), Response> {
    let config = ClientConfig {
        suites: Suites::new(&[2, 1]).unwrap(),
        min_iterations: 0,
        ..ClientConfig::new(REALM)
    };
    let start = LoginStart::new(&config, login, &mut Random).unwrap();
    let response = post(to, "/knh1/start", &start.message().to_json());
    if response.status != 200 {
        return Err(response);
    }
    let challenge = Challenge::from_json(&response.body).unwrap();
    let stretch = start.check(challenge, None).unwrap();
    let password = wcmp_auth::prepare::password(password).unwrap();
    let proven = stretch.run(&password).unwrap();
    Ok(proven.finish("laptop", scopes, 0).unwrap())
}

pub(crate) fn log_in(
    to: SocketAddr,
    login: &str,
    password: &str,
    scopes: &str,
) -> Result<Client, Response> {
    let (finish, pending) = prove(to, login, password, scopes)?;
    finish_at(to, &finish, pending)
}

/// Perhaps at another server than the start was.
pub(crate) fn finish_at(
    to: SocketAddr,
    finish: &Finish,
    pending: Pending,
) -> Result<Client, Response> {
    let response = post(to, "/knh1/finish", &finish.to_json());
    if response.status != 200 {
        return Err(response);
    }
    let session = pending
        .verify(&Grant::from_json(&response.body).unwrap())
        .unwrap();
    Ok(Client::new(to, session))
}

/// A session.
pub(crate) struct Client {
    pub(crate) to: SocketAddr,
    pub(crate) session: Session,
    pub(crate) caller: Caller,
}

/// What was sent, and waits.
pub(crate) struct Sent {
    pub(crate) bytes: Vec<u8>,
    /// One for each answer to it: replays are sent on purpose.
    awaiting: Mutex<Vec<Awaiting>>,
}

impl Client {
    pub(crate) fn new(to: SocketAddr, session: Session) -> Client {
        let caller = Caller::new(&session.token_id, &session.key, AUTHORITY).unwrap();
        Client {
            to,
            session,
            caller,
        }
    }

    /// A signed request, not sent yet.
    pub(crate) fn sign(&mut self, method: &str, target: &str, body: Option<(&str, &[u8])>) -> Sent {
        let content = body.map(|(kind, body)| Content::new(kind.as_bytes(), body));
        let signed = Request {
            method,
            target,
            content,
            fields: &[],
        };
        let (now, counter) = (System.now(), self.caller.counter());
        let again = || {
            let (token, key) = (&self.session.token_id, &self.session.key);
            let mut caller = Caller::new(token, key, AUTHORITY).unwrap();
            caller.skip_to(counter);
            caller.sign(&signed, now).unwrap().1
        };
        let mut awaiting = vec![again(), again()];
        let (fields, first) = self.caller.sign(&signed, now).unwrap();
        awaiting.push(first);
        let mut headers = vec![
            ("Signature-Input", fields.signature_input.as_str()),
            ("Signature", fields.signature.as_str()),
        ];
        headers.extend(body.map(|(kind, _)| ("Content-Type", kind)));
        let digest = fields.content_digest.as_deref();
        headers.extend(digest.map(|digest| ("Content-Digest", digest)));
        Sent {
            bytes: request(method, target, &headers, body.map(|(_, body)| body)),
            awaiting: Mutex::new(awaiting),
        }
    }

    /// A call, its answer verified.
    pub(crate) fn call(
        &mut self,
        method: &str,
        target: &str,
        body: Option<(&str, &[u8])>,
    ) -> Response {
        let sent = self.sign(method, target, body);
        let response = send(self.to, &sent.bytes);
        verify(&sent, &response).unwrap();
        response
    }

    pub(crate) fn json(&mut self, method: &str, target: &str, json: &str) -> Response {
        self.call(method, target, Some(("application/json", json.as_bytes())))
    }
}

pub(crate) fn verify(sent: &Sent, response: &Response) -> Result<Answer, AnswerError> {
    let headers = || {
        let pairs = response.headers.iter();
        pairs.map(|(name, value)| (name.as_str(), value.as_bytes()))
    };
    let awaiting = sent.awaiting.lock().unwrap().pop().unwrap();
    let answer = awaiting.verify(response.status, headers, &response.body)?;
    assert_eq!(response.header("cache-control"), Some("no-store"));
    Ok(answer)
}

/// The reason of a signed refusal.
pub(crate) fn reason(response: &Response) -> String {
    assert_eq!(
        (response.status, response.error().as_str()),
        (401, "invalid_signature")
    );
    assert!(
        response
            .header("www-authenticate")
            .unwrap()
            .starts_with("KNH1 realm=")
    );
    Refusal::from_json(&response.body).unwrap().reason.unwrap()
}
