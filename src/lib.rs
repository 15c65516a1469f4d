//! refpoint
