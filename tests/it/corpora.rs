//! Everything that fuzzing has found worth keeping is decoded again, as an ordinary test.

use std::path::{Path, PathBuf};

#[path = "../support/auth_decoders.rs"]
mod auth_decoders;
#[path = "../support/decoders.rs"]
mod decoders;
#[path = "../support/http_answers.rs"]
mod http_answers;
#[path = "../support/inventories.rs"]
mod inventories;

/// Each fuzz target with its check.
type Check = fn(&[u8]);
const TARGETS: [(&str, Check); 16] = [
    ("request_envelope", decoders::request_envelope),
    ("reply_envelope", decoders::reply_envelope),
    ("fault", decoders::fault),
    ("embedded_instance", decoders::embedded_instance),
    ("mof", decoders::mof),
    ("object_path", decoders::object_path),
    ("datetime", decoders::datetime),
    ("xml_text", decoders::xml_text),
    ("ntlm", auth_decoders::ntlm),
    ("spnego", auth_decoders::spnego),
    ("multipart", auth_decoders::multipart),
    ("www_authenticate", auth_decoders::www_authenticate),
    ("certificate", auth_decoders::certificate),
    ("login", auth_decoders::login),
    ("http_answer", http_answers::http_answer),
    ("inventory", inventories::inventory),
];

#[test]
fn every_input_of_the_corpora_is_decoded_soundly() {
    for (target, check) in TARGETS {
        let inputs = inputs("corpus", target);
        assert!(!inputs.is_empty(), "fuzz/corpus/{target} is empty");
        replay(&inputs, check);
    }
}

#[test]
fn no_input_that_once_did_harm_does_it_again() {
    for (target, check) in TARGETS {
        // A decoder in which nothing was ever found has no folder.
        if fuzz().join("regressions").join(target).exists() {
            replay(&inputs("regressions", target), check);
        }
    }
}

#[test]
fn every_fuzz_target_and_every_corpus_is_replayed() {
    let replayed = |name: &str| TARGETS.iter().any(|(target, _)| *target == name);
    for folder in ["corpus", "regressions", "fuzz_targets"] {
        for path in entries(&fuzz().join(folder)) {
            let name = path.file_stem().unwrap().to_str().unwrap();
            assert!(replayed(name), "{} is not replayed", path.display());
        }
    }
}

fn replay(inputs: &[PathBuf], check: Check) {
    for path in inputs {
        let bytes = std::fs::read(path).unwrap();
        let outcome = std::panic::catch_unwind(|| check(&bytes));
        assert!(outcome.is_ok(), "{} fails", path.display());
    }
}

fn inputs(kind: &str, target: &str) -> Vec<PathBuf> {
    entries(&fuzz().join(kind).join(target))
}

/// The entries of a folder that has to be there.
fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz")
}
