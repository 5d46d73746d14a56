//! The example of a client in Rust, against the service.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::example::example;
use crate::service::{PASSWORD, Service};
use crate::{last_words, run};

fn client() -> Command {
    Command::new(example("wcmp-auth", "client"))
}

#[test]
fn rust_logs_in_and_calls() {
    let service = Service::start(&[]);
    let output = run(client()
        .args(service.login(PASSWORD))
        .args(["GET", "/whoami"]));
    let answer: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let wanted =
        serde_json::json!({"login": "alice", "device": "example client", "scopes": "read write"});
    assert_eq!(answer, wanted);

    let body = service.file("body", "grüße");
    let mut echo = client();
    echo.args(service.login(PASSWORD));
    let output = run(echo.args(["POST", "/echo?x=%2F&y", "text/plain"]).arg(body));
    assert_eq!(output.stdout, "grüße\n".as_bytes());

    let mut wrong = client();
    wrong.args(service.login("wrong password"));
    let said = last_words(wrong.args(["GET", "/whoami"]));
    assert!(said.contains("login_failed"), "{said}");
}

/// Passes on what a client says, one request at a time, but answers the first `expired`
/// finishes itself. How many starts it has seen is told by the counter.
fn between(expired: usize) -> (String, impl FnOnce(&Service) -> Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap().to_string();
    let begin = move |service: &Service| {
        let (to, starts) = (service.at().to_owned(), Arc::new(AtomicUsize::new(0)));
        let counted = Arc::clone(&starts);
        thread::spawn(move || {
            let mut left = expired;
            for client in listener.incoming() {
                let mut client = client.unwrap();
                let Some(request) = request(&mut client) else {
                    continue;
                };
                if request.starts_with(b"POST /knh1/start ") {
                    counted.fetch_add(1, Ordering::SeqCst);
                }
                if request.starts_with(b"POST /knh1/finish ") && left > 0 {
                    left -= 1;
                    let body = r#"{"error":"expired_challenge"}"#;
                    let head = "HTTP/1.1 401 Unauthorized\r\nConnection: close";
                    let length = body.len();
                    let answer = format!("{head}\r\nContent-Length: {length}\r\n\r\n{body}");
                    client.write_all(answer.as_bytes()).unwrap();
                    continue;
                }
                let mut server = TcpStream::connect(&to).unwrap();
                server.write_all(&request).unwrap();
                let mut answer = Vec::new();
                server.read_to_end(&mut answer).unwrap();
                client.write_all(&answer).unwrap();
            }
        });
        starts
    };
    (at, begin)
}

/// A whole request, which is to be the connection's last.
fn request(client: &mut TcpStream) -> Option<Vec<u8>> {
    let (mut request, mut some) = (Vec::new(), [0; 4096]);
    loop {
        let count = client.read(&mut some).unwrap();
        if count == 0 {
            return None;
        }
        request.extend(&some[..count]);
        let Some(head) = request.windows(4).position(|end| end == b"\r\n\r\n") else {
            continue;
        };
        let text = String::from_utf8_lossy(&request[..head]).to_ascii_lowercase();
        let length = text
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "));
        let length: usize = length.map_or(0, |length| length.parse().unwrap());
        if request.len() >= head + 4 + length {
            let (line, rest) = request.split_at(request.windows(2).position(|w| w == b"\r\n")?);
            return Some([line, b"\r\nConnection: close", rest].concat());
        }
    }
}

/// Auth 3.4: once, by itself.
#[test]
fn rust_starts_again_once_after_an_expired_challenge() {
    for (expired, starts) in [(0, 1), (1, 2), (2, 2)] {
        let (at, begin) = between(expired);
        let service = Service::behind(Some(&at), &[]);
        let counter = begin(&service);
        let mut client = client();
        client
            .args(service.login(PASSWORD))
            .args(["GET", "/whoami"]);
        match expired {
            2 => assert!(last_words(&mut client).contains("expired_challenge")),
            _ => assert!(run(&mut client).stdout.starts_with(b"{\"login\":\"alice\"")),
        }
        assert_eq!(counter.load(Ordering::SeqCst), starts);
    }
}
