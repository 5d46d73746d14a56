//! Every bit of m1, m2, m3 and m4 that an attacker on the way changes makes the
//! login fail, at one side or the other.
// Helpers of tests may panic like tests.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod kit;

use kit::World;
use wcmp_auth::Suite;

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
        assert!(world.finish(&changed).is_err());
    };
    for bit in 0..256 {
        fails(&|m3| flip(&mut m3.proof, bit));
        fails(&|m3| flip(&mut m3.cmac, bit));
    }
    for bit in 0..m3.ctx.len() * 8 {
        fails(&|m3| flip(&mut m3.ctx, bit));
    }
    for bit in 0..m3.device.len() * 8 {
        fails(&|m3| flip_text(&mut m3.device, bit));
    }
    for bit in 0..m3.scopes.len() * 8 {
        fails(&|m3| flip_text(&mut m3.scopes, bit));
    }
    for bit in 0..32 {
        fails(&|m3| m3.ttl ^= 1 << bit);
    }
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
