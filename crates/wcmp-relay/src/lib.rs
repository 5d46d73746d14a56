//! Carrying envelopes: bundle files, a store, rules for what to take in, holds, import and export, and the exchange of
//! two nodes that meet.
//!
//! Carriers are people with sticks, dead drops and phones that meet. A relay needs no key, and this crate cannot name
//! a key type: what a node does with an envelope depends on the envelope's bytes, on the clock and on its policy alone
//! (spec 9.1).
//!
//! It panics on no input, asks for no clock and no randomness, and reads a file of any size in constant memory.
//! Without the feature `std` (on by default) it needs `alloc` only; with it, there are also files and the store in a folder.
#![no_std]

extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

pub mod bundle;
#[cfg(feature = "std")]
pub mod carry;
pub mod exchange;
pub mod node;
pub mod policy;
pub mod store;
pub mod work;
