//! Requests per second over TCP on loopback: a service behind the layer that
//! verifies calls and signs answers, and the same service without it. Server and
//! load generator have a thread each; the latter never sleeps, so that no server
//! pays for waking it, a fast one no less than a slow one. Requests are signed
//! before the clock runs.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a bench stops at the first surprise"
)]

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::routing::get;
use axum::serve::ListenerExt as _;
use tokio::net::TcpListener;
use wcmp_auth::call::client::{Caller, Request};
use wcmp_auth::server::Policy;
use wcmp_auth::service::{
    Account, Clock as _, CredentialStore, Limits, MemoryStore, Parts, RateTable, Service, Session,
    SessionKeys, SessionStore,
};
use wcmp_auth::{Cost, Parameters, Record, SessionKey};
use wcmp_auth_axum::{Knh1, System, VerifiedCaller};

const AUTHORITY: &str = "api.example.com";
const TARGET: &str = "/hello?from=bench";
const TURNS: usize = 31;
/// Each with a session of its own.
const CONNECTIONS: u8 = 32;
/// Of each connection in a turn.
const REQUESTS: usize = 100;

fn main() {
    let mut callers: Vec<Caller> = (0..CONNECTIONS).map(caller).collect();
    let plain = Router::new().route("/hello", get(async || "hello"));
    let behind = async |caller: VerifiedCaller| {
        assert_eq!(caller.login(), "alice");
        "hello"
    };
    let behind = Router::new().route("/hello", get(behind));
    let behind = behind.layer(knh1().calls().scope("read"));

    let (plain, behind) = (serve(plain), serve(behind));
    let mut sides = [
        ("without the layer", false, Side::connect(plain)),
        ("without it, signed requests", true, Side::connect(plain)),
        ("with the layer", true, Side::connect(behind)),
    ];
    // The first turn is not counted.
    for turn in 0..=TURNS {
        for (_, signed, side) in &mut sides {
            let requests = callers.iter_mut().map(|caller| requests(caller, *signed));
            side.turn(&requests.collect::<Vec<_>>(), turn > 0);
        }
    }
    println!("\nrequests per second, {CONNECTIONS} connections (medians of {TURNS} turns)");
    let mut medians = [0.0; 3];
    for ((name, _, side), median) in sides.iter_mut().zip(&mut medians) {
        side.rates.sort_unstable_by(f64::total_cmp);
        *median = side.rates[TURNS / 2];
        println!("  {name:<44} {median:>10.0} /s");
    }
    let [plain, signed, behind] = medians;
    let share = |of| 100.0 * behind / of;
    println!("  with / without: {:.1} % (at least 70)", share(plain));
    println!(
        "  with / without, signed requests: {:.1} %\n",
        share(signed)
    );
}

/// Connections to one server, and how fast it was in each turn.
struct Side {
    connections: Vec<TcpStream>,
    rates: Vec<f64>,
}

impl Side {
    fn connect(server: SocketAddr) -> Side {
        let connect = |_| {
            let connection = TcpStream::connect(server).unwrap();
            connection.set_nodelay(true).unwrap();
            connection.set_nonblocking(true).unwrap();
            connection
        };
        Side {
            connections: (0..CONNECTIONS).map(connect).collect(),
            rates: Vec::new(),
        }
    }

    fn turn(&mut self, requests: &[Vec<String>], counts: bool) {
        let pairs = self.connections.iter_mut().zip(requests);
        let mut driven: Vec<Driven<'_>> = pairs.map(Driven::new).collect();
        let start = Instant::now();
        driven.iter_mut().for_each(Driven::send);
        while !driven.is_empty() {
            driven.retain_mut(Driven::go_on);
        }
        let seconds = start.elapsed().as_secs_f64();
        if counts {
            let requests = REQUESTS * usize::from(CONNECTIONS);
            self.rates.push(requests as f64 / seconds);
        }
    }
}

/// A connection on which a request is sent when the last one is answered.
struct Driven<'a> {
    connection: &'a mut TcpStream,
    requests: std::slice::Iter<'a, String>,
    answer: [u8; 2048],
    read: usize,
}

impl<'a> Driven<'a> {
    fn new((connection, requests): (&'a mut TcpStream, &'a Vec<String>)) -> Driven<'a> {
        Driven {
            connection,
            requests: requests.iter(),
            answer: [0; 2048],
            read: 0,
        }
    }

    fn send(&mut self) {
        let request = self.requests.next().unwrap();
        self.connection.write_all(request.as_bytes()).unwrap();
        self.read = 0;
    }

    /// Whether there is more to do.
    fn go_on(&mut self) -> bool {
        match self.connection.read(&mut self.answer[self.read..]) {
            Ok(more) => {
                assert!(more > 0, "the server has closed the connection");
                self.read += more;
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => return true,
            Err(error) => panic!("{error}"),
        }
        if is_whole(&self.answer[..self.read]) {
            assert!(self.answer.starts_with(b"HTTP/1.1 200 "));
            if self.requests.len() == 0 {
                return false;
            }
            self.send();
        }
        true
    }
}

/// Whether the answer, of which the body is known, is there.
fn is_whole(answer: &[u8]) -> bool {
    answer.ends_with(b"\r\n\r\nhello")
}

fn requests(caller: &mut Caller, signed: bool) -> Vec<String> {
    let head = format!(
        "GET {TARGET} HTTP/1.1\r\nhost: {AUTHORITY}\r\nuser-agent: bench/1.0\r\naccept: */*\r\n"
    );
    let request = Request {
        method: "GET",
        target: TARGET,
        content: None,
        fields: &[],
    };
    let mut sign = |_| {
        if !signed {
            return format!("{head}\r\n");
        }
        let (fields, _) = caller.sign(&request, System.now()).unwrap();
        let (input, signature) = (fields.signature_input, fields.signature);
        format!("{head}signature-input: {input}\r\nsignature: {signature}\r\n\r\n")
    };
    (0..REQUESTS).map(&mut sign).collect()
}

fn caller(number: u8) -> Caller {
    let key = SessionKey::new(&[number; 32]);
    Caller::new(&[number; 16], &key, AUTHORITY).unwrap()
}

/// One account, and a session for each connection.
fn knh1() -> Knh1 {
    let parameters = Parameters::new(Cost::PBKDF2);
    let (store, now) = (MemoryStore::new(), System.now());
    let account = Account {
        record: Record::new(AUTHORITY, "alice", &[3; 16], parameters, &[4; 32]).unwrap(),
        generation: 0,
        allowed: "read".into(),
        epoch: 0,
        spared: None,
    };
    store.put_if(account).unwrap();
    for number in 0..CONNECTIONS {
        let session = Session {
            token: [number; 16],
            family: [number; 16],
            login: "alice".into(),
            device: "laptop".into(),
            scopes: "read".into(),
            keys: SessionKeys::new(SessionKey::new(&[number; 32])),
            epoch: 0,
            logged_in: now,
            created: now,
            expires: now + 3600,
        };
        store.create(session).unwrap();
    }
    let parts = Parts {
        store: Arc::new(store),
        limits: Box::new(RateTable::new(Limits::default())),
        audit: Box::new(()),
        clock: Box::new(System),
        rng: Box::new(System),
    };
    let policy = Policy::new(AUTHORITY, parameters, 3).unwrap();
    Knh1::new(Service::new(policy, &[9; 32], parts).unwrap(), AUTHORITY).unwrap()
}

/// Serves on a thread of its own until the process ends.
fn serve(router: Router) -> SocketAddr {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = builder.enable_all().build().unwrap();
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let address = listener.local_addr().unwrap();
    let listener = listener.tap_io(|connection| connection.set_nodelay(true).unwrap());
    std::thread::spawn(move || runtime.block_on(axum::serve(listener, router).into_future()));
    address
}
