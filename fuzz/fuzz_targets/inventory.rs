#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../tests/support/inventories.rs"]
mod inventories;

fuzz_target!(|bytes: &[u8]| inventories::inventory(bytes));
