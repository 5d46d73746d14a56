//! KNH1 for axum.

mod answer;
mod body;
mod caller;
mod calls;
mod endpoints;
mod knh1;
#[cfg(feature = "postgres")]
pub mod postgres;

pub use caller::{NotVerified, VerifiedCaller};
pub use calls::{Calls, Verified};
pub use knh1::{Knh1, System, TracingAudit};
