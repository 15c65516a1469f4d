//! What people see of a run over many hosts, from the real binary: in a real browser, and in foreign readers.
//!
//! What would look right without being right, and the test that would notice:
//!
//! | it looks right | but | test |
//! |---|---|---|
//! | the page is there | its script has ended in an error, or its own policy forbids it | `page` |
//! | a filter is typed | and what is shown is not what matches | `page` |
//! | a name is shown | and is markup, or turns the line round | `page` |
//! | a colour is seen | not by everybody, or not in the dark | `page` |
//! | XML is printed | and no test server reads it | `junit` |
//! | a report is read from a file | that holds something else | `saved` |
//!
//! Look at a page yourself: `REFPOINT_PAGE=/tmp/run.html cargo test --test views -- a_page_to_look_at`.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

mod browser;
mod junit;
mod page;
mod program;
mod runs;
mod saved;
