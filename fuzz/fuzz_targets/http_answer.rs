#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../tests/support/http_answers.rs"]
mod http_answers;

fuzz_target!(|bytes: &[u8]| http_answers::http_answer(bytes));
