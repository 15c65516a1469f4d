//! refpoint
pub mod xml;
