//! The program `refpoint`: words in, words out. What it does stands in `cli`; what it knows, in the library.

use std::process::ExitCode;

mod cli;

fn main() -> ExitCode {
    cli::main()
}
