//! What carriers hand on: bundle files, written and read through damage.
//!
//! Carriers are people with sticks, dead drops and phones that meet. A relay needs no key, and this crate cannot name
//! a key type: what a node does with an envelope depends on the envelope's bytes, on the clock and on its policy alone
//! (spec 9.1).
//!
//! It panics on no input, asks for no clock and no randomness, and reads a file of any size in constant memory.
//! Without the feature `std` (on by default) it needs `alloc` only; with it, [`bundle`] also reads and writes files.
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
