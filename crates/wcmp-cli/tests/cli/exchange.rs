//! `serve` and `sync`: two processes, real sockets, and what disturbs them.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, ChildStdout, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use serde_json::Value;
use wcmp::relay::bundle::{Stamp, Writer};
use wcmp::wire::{Envelope, sha256};

use crate::common::{NOW, Place, Ran};

/// A day after envelopes came: their holds are over.
const LATER: &str = "494024";

/// A bundle of envelopes of these numbers, each with so many bytes of payload.
fn bundle(numbers: std::ops::Range<u32>, payload: usize) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new(), [7; 4]).unwrap();
    for number in numbers {
        writer
            .frame(Stamp::NONE, &envelope(number, payload))
            .unwrap();
    }
    writer.finish().unwrap()
}

fn envelope(number: u32, payload: usize) -> Vec<u8> {
    let seed = sha256(&[&number.to_be_bytes()]);
    let envelope = Envelope {
        suite: 0x0101,
        sender_nonce: seed[..16].try_into().unwrap(),
        sender_hint: seed[16..].try_into().unwrap(),
        expires: 494_060 + number % 500,
        commitment: seed,
        payload: vec![4; payload],
        recipient_nonce: [5; 16],
        encapsulation: vec![],
        hints: vec![[7; 16]],
        sealed_keys: vec![11; 48],
        signature: vec![12; 64],
    };
    envelope.encode().unwrap()
}

/// A place with homes that hold these envelopes, past their hold, and a secret.
fn place(homes: &[(&str, std::ops::Range<u32>, usize)]) -> Place {
    let place = Place::new();
    place.write("secret", [42; 32]);
    place.write("other", [43; 32]);
    for (home, numbers, payload) in homes {
        place.write("in.wcmp", bundle(numbers.clone(), *payload));
        place
            .run(&["import", "--home", home, "--now", NOW, "in.wcmp"])
            .ok();
    }
    place
}

struct Server {
    child: Child,
    out: BufReader<ChildStdout>,
    address: String,
}

impl Server {
    fn start(place: &Place, home: &str) -> Server {
        Server::start_at(place, home, "127.0.0.1:0")
    }

    fn start_at(place: &Place, home: &str, address: &str) -> Server {
        let args = ["serve", address, "--secret-file", "secret", "--json"];
        let mut child = place
            .command(&[&args[..], &["--home", home, "--now", LATER]].concat())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        out.read_line(&mut line).unwrap();
        let line: Value = serde_json::from_str(&line).unwrap();
        let address = line["listening"].as_str().unwrap().to_owned();
        Server {
            child,
            out,
            address,
        }
    }

    /// What it says about the next session that ends.
    fn next(&mut self) -> Value {
        let mut line = String::new();
        self.out.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap()
    }

    /// Waits for the end of a session that nothing broke: what it brought is stored.
    fn whole_session(&mut self) {
        while !self.next()["error"].is_null() {}
    }

    /// Stopped as hard as can be.
    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

fn sync(place: &Place, home: &str, address: &str) -> Ran {
    let args = ["sync", address, "--secret-file", "secret", "--json"];
    place.run(&[&args[..], &["--home", home, "--now", LATER]].concat())
}

/// The ids of all that a home holds. A day goes by, so that holds are over: the last look at it.
fn ids(place: &Place, home: &str) -> BTreeSet<String> {
    let file = format!("{home}.wcmp");
    let args = ["export", "--home", home, "--now", "494050", &file];
    place.run(&args).ok();
    let listed = place.run(&["inspect", "--json", &file]).ok().jsons();
    listed
        .iter()
        .filter_map(|line| line["id"].as_str().map(str::to_owned))
        .collect()
}

fn count(place: &Place, home: &str) -> u64 {
    let args = ["store", "stats", "--json", "--home", home, "--now", LATER];
    place.run(&args).ok().json()["envelopes"].as_u64().unwrap()
}

#[test]
fn both_have_everything_afterwards() {
    let place = place(&[("a", 30..130, 100), ("b", 100..300, 100)]);
    let mut server = Server::start(&place, "a");
    let said = sync(&place, "b", &server.address).ok().json();
    assert_eq!(said["kept"], 70);
    assert_eq!(said["sent"], 170);
    assert_eq!(said["more"], false);
    let served = server.next();
    assert_eq!(
        (&served["kept"], &served["sent"]),
        (&170.into(), &70.into())
    );
    assert_eq!(served["error"], Value::Null);
    server.kill();
    let all = ids(&place, "a");
    assert_eq!(all.len(), 270);
    assert_eq!(all, ids(&place, "b"));
}

#[test]
fn several_come_at_once() {
    let homes: Vec<String> = (0..4).map(|n| format!("home{n}")).collect();
    let mut all = vec![("a", 1000..2000, 500)];
    for (first, home) in (0..).step_by(100).zip(&homes) {
        all.push((home, first..first + 100, 500));
    }
    let place = place(&all);
    let mut server = Server::start(&place, "a");
    thread::scope(|scope| {
        for home in &homes {
            scope.spawn(|| sync(&place, home, &server.address).ok());
        }
    });
    for _ in &homes {
        server.whole_session();
    }
    server.kill();
    assert_eq!(ids(&place, "a").len(), 1400);
    for home in &homes {
        assert!(ids(&place, home).len() >= 1100);
    }
}

#[test]
fn strangers_learn_nothing_and_are_in_nobodys_way() {
    let place = place(&[("a", 30..60, 100), ("b", 50..70, 100)]);
    let mut server = Server::start(&place, "a");
    // Half-open ones, more than are kept waiting; ones that talk nonsense; one with another secret.
    let idle: Vec<TcpStream> = (0..80)
        .map(|_| TcpStream::connect(&server.address).unwrap())
        .collect();
    let mut http = TcpStream::connect(&server.address).unwrap();
    http.write_all(&b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".repeat(4))
        .unwrap();
    let mut answer = Vec::new();
    let _ = http.read_to_end(&mut answer);
    assert!(answer.is_empty(), "{answer:?}");
    let args = ["sync", &server.address, "--secret-file", "other"];
    place
        .run(&[&args[..], &["--home", "b", "--now", LATER]].concat())
        .is(1)
        .one_line()
        .says("secret");
    assert_eq!(sync(&place, "b", &server.address).ok().json()["kept"], 20);
    // Nothing is said of the others.
    assert_eq!(server.next()["kept"], 10);
    drop(idle);
    server.kill();
}

/// Carries bytes between a client and the server, records them, and stops after so many.
fn wire(to: &str, most: usize) -> (String, Arc<Mutex<Vec<u8>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let (record, to) = (Arc::clone(&seen), to.to_owned());
    thread::spawn(move || {
        let (client, _) = listener.accept().unwrap();
        let server = TcpStream::connect(to).unwrap();
        let pass = move |mut from: TcpStream, mut to: TcpStream, record: Arc<Mutex<Vec<u8>>>| {
            let mut piece = [0; 1000];
            while let Ok(n @ 1..) = from.read(&mut piece) {
                let mut seen = record.lock().unwrap();
                seen.extend(&piece[..n]);
                if seen.len() > most || to.write_all(&piece[..n]).is_err() {
                    break;
                }
            }
            let _ = to.shutdown(std::net::Shutdown::Both);
            let _ = from.shutdown(std::net::Shutdown::Both);
        };
        let (back_from, back_to) = (server.try_clone().unwrap(), client.try_clone().unwrap());
        let back = Arc::clone(&record);
        thread::spawn(move || pass(back_from, back_to, back));
        pass(client, server, record);
    });
    (address, seen)
}

#[test]
fn a_listener_sees_whole_records_and_no_envelope() {
    let place = place(&[("a", 30..60, 300), ("b", 50..70, 300)]);
    let server = Server::start(&place, "a");
    let (address, seen) = wire(&server.address, usize::MAX);
    sync(&place, "b", &address).ok();
    server.kill();
    let seen = seen.lock().unwrap();
    assert_eq!((seen.len() - 2 * 48) % 1024, 0);
    assert!(seen.len() > 40 * 300);
    assert!(!seen.windows(32).any(|bytes| bytes == [4; 32]), "a payload");
}

#[test]
fn a_link_that_breaks_keeps_what_came() {
    let place = place(&[("a", 0..2000, 1000), ("b", 3000..3010, 1000)]);
    let mut server = Server::start(&place, "a");
    let mut kept = 10;
    for most in [50, 5000, 400_000, 1_000_000] {
        let (address, _) = wire(&server.address, most);
        let failed = sync(&place, "b", &address).is(1);
        let now = count(&place, "b");
        assert!(now >= kept, "{now} after {kept}: {}", failed.err);
        kept = now;
    }
    assert!(kept > 300, "{kept}");
    sync(&place, "b", &server.address).ok();
    server.whole_session();
    server.kill();
    assert_eq!(ids(&place, "b").len(), 2010);
    assert_eq!(ids(&place, "a").len(), 2010);
}

/// Processes are killed while envelopes go over; what a later exchange finds is whole.
#[test]
fn killed_in_the_middle() {
    let place = place(&[("a", 0..3000, 2000), ("b", 3000..6000, 2000)]);
    let mut seed = 1_u64;
    for turn in 0..50 {
        let kill_server = turn % 2 == 0;
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let server = Server::start(&place, "a");
        let args = [
            "sync",
            &server.address,
            "--secret-file",
            "secret",
            "--quiet",
        ];
        let mut client = place
            .command(&[&args[..], &["--home", "b", "--now", LATER]].concat())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        thread::sleep(Duration::from_micros((seed >> 47) + 5000));
        if kill_server {
            server.kill();
            client.wait().unwrap();
        } else {
            let _ = client.kill();
            client.wait().unwrap();
            server.kill();
        }
        if turn % 10 == 9 {
            for home in ["a", "b"] {
                let verify = ["store", "verify", "--home", home, "--now", LATER];
                place.run(&verify).ok();
            }
        }
    }
    let mut server = Server::start(&place, "a");
    sync(&place, "b", &server.address).ok();
    server.whole_session();
    server.kill();
    assert_eq!(ids(&place, "a").len(), 6000);
    assert_eq!(ids(&place, "b").len(), 6000);
}

#[test]
fn what_is_missing_is_said_in_one_line() {
    let place = place(&[]);
    place.write("short", [1; 31]);
    let args = ["sync", "127.0.0.1:1", "--home", "b", "--secret-file"];
    place
        .run(&[&args[..], &["short"]].concat())
        .is(1)
        .one_line()
        .says("32 bytes");
    place
        .run(&[&args[..], &["secret"]].concat())
        .is(1)
        .one_line()
        .says("connecting");
    let args = ["serve", "nowhere", "--home", "b", "--secret-file", "secret"];
    place.run(&args).is(1).one_line().says("listening");
}

/// B's summary goes to A on a stick, and comes back with what B lacks and nothing else.
#[test]
fn a_summary_brings_back_what_is_missing() {
    let place = place(&[("a", 0..300, 100), ("b", 200..500, 100)]);
    std::fs::create_dir(place.path("stick")).unwrap();
    let at = |home| ["--home", home, "--now", LATER];
    place.run(&[&["have", "stick"][..], &at("b")].concat()).ok();
    assert_eq!(place.files("stick"), ["have"]);
    assert_eq!(place.read("stick/have").len(), 1 << 20);
    // It says the time that bundles do, as it stands on the medium.
    let modified = place.path("stick/have").metadata().unwrap().modified();
    let since = modified.unwrap().duration_since(std::time::UNIX_EPOCH);
    assert_eq!(since.unwrap().as_secs(), 315_619_200);
    place
        .run(&[&["have", "stick"][..], &at("a")].concat())
        .is(1)
        .one_line();
    let args = ["export", "stick", "--have", "stick/have", "--json"];
    let said = place.run(&[&args[..], &at("a")].concat()).ok().json();
    assert_eq!(said["envelopes"], 200);
    place
        .run(&[&["import", "stick"][..], &at("b")].concat())
        .ok();
    assert_eq!(count(&place, "b"), 500);

    place.write("stick/have", vec![0; 1 << 20]);
    place
        .run(&[&args[..], &at("a")].concat())
        .refused(4, "bundle");
}

/// A summary says nothing of what is held: or it would tell what came since the last one.
#[test]
fn a_summary_is_silent_about_what_is_held() {
    let place = place(&[("a", 0..200, 100)]);
    std::fs::create_dir(place.path("stick")).unwrap();
    let have = |now| {
        let args = [
            "have", "stick", "--force", "--json", "--home", "a", "--now", now,
        ];
        place.run(&args).ok().json()["envelopes"].as_u64().unwrap()
    };
    let stats = ["store", "stats", "--json", "--home", "a", "--now", NOW];
    let held = place.run(&stats).ok().json()["held"].as_u64().unwrap();
    assert!((150..200).contains(&held), "{held}");
    assert_eq!(have(NOW), 200 - held);
    assert_eq!(have(LATER), 200);
}

/// Where it listens is said on standard output, with and without JSON, so that a script learns the port.
#[test]
fn where_it_listens_goes_to_standard_output() {
    let place = place(&[]);
    let args = [
        "serve",
        "127.0.0.1:0",
        "--secret-file",
        "secret",
        "--home",
        "a",
    ];
    let mut child = place
        .command(&args)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    out.read_line(&mut line).unwrap();
    let address = line.trim_end().strip_prefix("listening on ").unwrap();
    TcpStream::connect(address).unwrap();
    child.kill().unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

/// Whoever comes again does not get the budget of a visit again: it is the link's, and comes back by the hour.
#[test]
fn a_link_has_one_budget_however_often_its_peer_comes() {
    let place = place(&[("b", 0..300, 100)]);
    std::fs::create_dir(place.path("a")).unwrap();
    place.write("a/policy.toml", "[visit]\nenvelopes = 48\n");
    let mut server = Server::start(&place, "a");
    for _ in 0..4 {
        sync(&place, "b", &server.address).ok();
        server.whole_session();
    }
    server.kill();
    assert_eq!(count(&place, "a"), 48);
    // Another run of the server begins anew: nothing of this is on the disk.
    let mut server = Server::start(&place, "a");
    sync(&place, "b", &server.address).ok();
    server.whole_session();
    server.kill();
    let more = count(&place, "a");
    assert!((49..=96).contains(&more), "{more}");
}

/// Peers that have the secret and only hold their places: of one address no more than four, so others come through.
#[test]
fn members_who_stall_do_not_take_all_places() {
    use wcmp::relay::exchange::noise::{Link, Secret};
    let place = place(&[("a", 30..60, 100), ("b", 50..70, 100)]);
    // Both at one machine, but from two addresses; not every system has both.
    if TcpListener::bind("[::]:0").is_err() || TcpListener::bind("[::1]:0").is_err() {
        return;
    }
    let mut server = Server::start_at(&place, "a", "[::]:0");
    let port = server.address.strip_prefix("[::]:").unwrap().to_owned();
    let mut held = Vec::new();
    for n in 0..30_u8 {
        let mut stream = TcpStream::connect(format!("127.0.0.1:{port}")).unwrap();
        let (mut wire, mut plain) = (Vec::new(), Vec::new());
        let mut link = Link::connect(&Secret::new([42; 32]), [n + 1; 32]).unwrap();
        link.seal(&[], &mut wire).unwrap();
        stream.write_all(&wire).unwrap();
        let mut answer = [0; 48];
        stream.read_exact(&mut answer).unwrap();
        link.open(&answer, &mut plain).unwrap();
        wire.clear();
        link.seal(b"\x01", &mut wire).unwrap();
        stream.write_all(&wire).unwrap();
        held.push(stream);
    }
    let said = sync(&place, "b", &format!("[::1]:{port}")).ok().json();
    assert_eq!(said["kept"], 20);
    assert_eq!(server.next()["kept"], 10);
    server.kill();
}
