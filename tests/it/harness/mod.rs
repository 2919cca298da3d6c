//! What tests share: a web server, a mail server, an application on a manual clock.

pub mod app;
pub mod farm;
pub mod sink;
