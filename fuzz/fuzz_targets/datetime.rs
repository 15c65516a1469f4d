#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../tests/support/decoders.rs"]
#[expect(dead_code, reason = "each target uses one of the checks")]
mod decoders;

fuzz_target!(|bytes: &[u8]| decoders::datetime(bytes));
