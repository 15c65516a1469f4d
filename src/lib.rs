//! refpoint
pub mod cim;
pub mod xml;
