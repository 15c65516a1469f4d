//! WQL, the query language of WMI: what a host understands of it, and what it answers.
//!
//! Knows `SELECT`, `ASSOCIATORS OF` and `REFERENCES OF` as texts, and conditions as questions to an instance.
//! Deliberately does not know which objects there are: [`Query`] says what is wanted, the store finds it.
//!
//! Where WMI's own answer is not documented, this is what is simulated: a comparison with null is neither true
//! nor false, so that `NOT` does not make it true; texts are compared without regard to letter case; arrays and
//! references cannot be compared at all.

mod condition;
mod lex;
mod parse;

pub(super) use self::condition::Condition;
pub(super) use self::parse::{Neighbourhood, Query, Select, parse};

/// A text that is no query. Hosts say no more than that it is invalid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Invalid;
