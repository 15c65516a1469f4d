//! Integration tests, one binary: the public names of the library, and nothing that needs a network.

mod corpora;
mod layering;
mod wire;
