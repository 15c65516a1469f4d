use refpoint::lab::Scenario;

#[test]
fn every_example_of_a_scenario_is_read() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/scenarios");
    let mut read = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        if let Err(error) = Scenario::read(&text) {
            panic!("{}: {error}", path.display());
        }
        read += 1;
    }
    assert!(read >= 4, "only {read} examples were found");
}
