//! refpoint

pub mod auth;
