//! KNH1 for axum.
#[cfg(feature = "postgres")]
pub mod postgres;
