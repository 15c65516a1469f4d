//! refpoint
pub mod cim;
pub mod wsman;
pub mod xml;
