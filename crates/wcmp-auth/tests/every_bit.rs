//! Every bit of m1, m2, m3 and m4 that an attacker on the way changes makes the
//! login fail, at one side or the other.
// Helpers of tests may panic like tests.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod kit;

use kit::World;
use wcmp_auth::Suite;
use wcmp_auth::server::ServerError::{ExpiredChallenge, InvalidRequest, LoginFailed};

/// Flips a bit of a number or of bytes; texts that are no text any more are not
/// passed on by any transport.
fn flip_text(text: &mut String, bit: usize) {
    let mut bytes = text.clone().into_bytes();
    bytes[bit / 8] ^= 1 << (bit % 8);
    *text = String::from_utf8(bytes).unwrap_or_default();
}

fn flip(bytes: &mut [u8], bit: usize) {
    bytes[bit / 8] ^= 1 << (bit % 8);
}

#[test]
fn of_m1() {
    let mut world = World::new(Suite::Pbkdf2X25519);
    let mut fails = |change: &dyn Fn(&mut wcmp_auth::message::Start)| {
        let outcome = world.through(|m1| change(m1), |_| (), |_| (), |_| ());
        assert!(outcome.is_err());
    };
    for bit in 0..256 {
        fails(&|m1| flip(&mut m1.cnonce, bit));
        fails(&|m1| flip(m1.epk.as_mut().unwrap(), bit));
    }
    for bit in 0..kit::REALM.len() * 8 {
        fails(&|m1| flip_text(&mut m1.realm, bit));
    }
    for bit in 0..5 * 8 {
        fails(&|m1| flip_text(&mut m1.login, bit));
    }
    for bit in 0..8 {
        fails(&|m1| m1.suites = wcmp_auth::Suites::new(&[2 ^ (1 << bit)]).unwrap());
    }
    fails(&|m1| m1.suites = wcmp_auth::Suites::new(&[2, 1]).unwrap());
    fails(&|m1| m1.epk = None);
}

#[test]
fn of_m2() {
    let mut world = World::new(Suite::Pbkdf2X25519);
    let mut fails = |change: &dyn Fn(&mut wcmp_auth::message::Challenge)| {
        let outcome = world.through(|_| (), |m2| change(m2), |_| (), |_| ());
        assert!(outcome.is_err());
    };
    for bit in 0..128 {
        fails(&|m2| flip(&mut m2.salt, bit));
    }
    for bit in 0..32 {
        fails(&|m2| m2.parameters.cs ^= 1 << bit);
        fails(&|m2| m2.parameters.p ^= 1 << bit);
        fails(&|m2| m2.parameters.n ^= 1 << bit);
        fails(&|m2| m2.m ^= 1 << bit);
        fails(&|m2| match &mut m2.parameters.cost {
            wcmp_auth::Cost::Pbkdf2 { iterations } => *iterations ^= 1 << bit,
            wcmp_auth::Cost::Argon2id { .. } => panic!("suite 2"),
        });
    }
    for bit in 0..256 {
        fails(&|m2| flip(&mut m2.snonce, bit));
        fails(&|m2| flip(m2.epk.as_mut().unwrap(), bit));
    }
    for bit in 0..64 {
        fails(&|m2| m2.expires ^= 1 << bit);
    }
    fails(&|m2| m2.suite = Suite::Pbkdf2);
    fails(&|m2| m2.epk = None);
    fails(&|m2| m2.salt.push(0));
    // A sample: all bits are flipped in m3 below.
    for byte in (0..200).step_by(7) {
        fails(&|m2| flip(&mut m2.ctx, byte * 8 + byte % 8));
    }
}

#[test]
fn of_m3() {
    let mut world = World::new(Suite::Pbkdf2X25519);
    let stretch = world.checked();
    let (m3, _) = world.prove(stretch);
    assert!(world.finish(&m3).is_ok());
    let mut fails = |change: &dyn Fn(&mut wcmp_auth::message::Finish)| {
        let mut changed = m3.clone();
        change(&mut changed);
        world.finish(&changed).map(|_| ()).unwrap_err()
    };
    // By the MAC, and not by what looks at scopes later.
    for bit in 0..256 {
        assert_eq!(fails(&|m3| flip(&mut m3.proof, bit)), LoginFailed);
        assert_eq!(fails(&|m3| flip(&mut m3.cmac, bit)), LoginFailed);
    }
    for bit in 0..32 {
        assert_eq!(fails(&|m3| m3.ttl ^= 1 << bit), LoginFailed);
    }
    for bit in 0..m3.ctx.len() * 8 {
        assert_eq!(fails(&|m3| flip(&mut m3.ctx, bit)), ExpiredChallenge);
    }
    // Texts that are well-formed still get as far as the MAC.
    let mut by_the_mac =
        |length: usize, change: &dyn Fn(&mut wcmp_auth::message::Finish, usize)| {
            let failed = |bit| fails(&|m3| change(m3, bit));
            let failed: Vec<_> = (0..length * 8).map(failed).collect();
            let of = |error| failed.iter().filter(|one| **one == error).count();
            assert_eq!(of(LoginFailed) + of(InvalidRequest), failed.len());
            of(LoginFailed)
        };
    let device = by_the_mac(m3.device.len(), &|m3, bit| flip_text(&mut m3.device, bit));
    let scopes = by_the_mac(m3.scopes.len(), &|m3, bit| flip_text(&mut m3.scopes, bit));
    assert!(device > 30 && scopes > 50, "{device} {scopes}");
    // All that the server looks at afterwards is as it was.
    assert_eq!(fails(&|m3| m3.scopes = "read".into()), LoginFailed);
    assert_eq!(fails(&|m3| m3.scopes.push_str(" more")), LoginFailed);
}

#[test]
fn of_m4() {
    let mut world = World::new(Suite::Pbkdf2X25519);
    let mut fails = |change: &dyn Fn(&mut wcmp_auth::message::Grant)| {
        let outcome = world.through(|_| (), |_| (), |_| (), |m4| change(m4));
        let grant = wcmp_auth::client::ClientError::Grant;
        assert_eq!(outcome.map(|_| ()), Err(kit::Failed::Client(grant)));
    };
    for bit in 0..128 {
        fails(&|m4| flip(&mut m4.token_id, bit));
    }
    for bit in 0..256 {
        fails(&|m4| flip(&mut m4.wrapped, bit));
        fails(&|m4| flip(&mut m4.smac, bit));
    }
    for bit in 0..64 {
        fails(&|m4| m4.expires ^= 1 << bit);
    }
    for bit in 0..4 * 8 {
        fails(&|m4| flip_text(&mut m4.scopes, bit));
    }
}

/// Had the client asked for whatever a flip makes of the scopes, only the MAC would
/// still tell.
#[test]
fn of_m4_where_the_scopes_would_do() {
    let mut world = World::new(Suite::Pbkdf2X25519);
    let flipped = |bit| {
        let mut scopes = String::from("read");
        flip_text(&mut scopes, bit);
        scopes
    };
    let good = |scopes: &String| {
        let mut bytes = scopes.bytes();
        !scopes.is_empty() && bytes.all(|byte| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e))
    };
    let flips: Vec<String> = (0..4 * 8).map(flipped).filter(good).collect();
    assert!(flips.len() > 20, "{flips:?}");
    let asked = format!("read {}", flips.join(" "));
    for granted in ["read".to_owned()].iter().chain(&flips) {
        let stretch = world.checked();
        let proven = stretch.run(kit::PASSWORD).unwrap();
        let (m3, pending) = proven.finish("laptop", &asked, 60).unwrap();
        let (mut m4, _) = world.finish(&m3).unwrap();
        m4.scopes.clone_from(granted);
        let grant = wcmp_auth::client::ClientError::Grant;
        match granted.as_str() {
            "read" => assert_eq!(pending.verify(&m4).unwrap().scopes, "read"),
            _ => assert_eq!(pending.verify(&m4).map(|_| ()).unwrap_err(), grant),
        }
    }
}
