//! What a code means: the tables of the library, our own exit codes and outcomes, and the words that lead to them.
//!
//! `reading` is one meaning of a code; `own` has what the program itself says; `question` finds every reading of
//! what somebody asks about; `pointer` is the last line of an error, which leads here.

mod own;
mod pointer;
mod question;
mod reading;

pub(crate) use pointer::{of_failure, of_kind, of_refusal, of_session};
pub(crate) use question::{belonging, hresults, near, readings, vocabulary};
pub(crate) use reading::{Family, Reading};
