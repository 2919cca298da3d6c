//! What tests share: a web server, a mail server, made-up news, an application on a manual clock.

pub mod app;
pub mod dice;
pub mod farm;
pub mod fixtures;
pub mod newsroom;
pub mod sink;
