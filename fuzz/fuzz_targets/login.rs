#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../tests/support/auth_decoders.rs"]
#[expect(dead_code, reason = "each target uses one of the checks")]
mod auth_decoders;

fuzz_target!(|bytes: &[u8]| auth_decoders::login(bytes));
