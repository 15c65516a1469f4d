//! Runs over many simulated hosts, in memory and on a paused clock.

mod ends;
mod resume;
mod support;
