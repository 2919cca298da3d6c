//! The one integration test binary.

mod harness;
mod store;
mod tidy;
