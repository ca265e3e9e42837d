//! What the fuzz targets have found worth keeping, read again by each parser. See `fuzz/README.md`.

mod parsers;

use std::fs;
use std::panic;
use std::path::Path;

use parsers::PARSERS;

#[test]
fn every_case_ends_in_an_error_or_a_success() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    for (name, parse) in PARSERS {
        let mut cases = 0;
        for case in fs::read_dir(corpus.join(name)).unwrap() {
            let path = case.unwrap().path();
            let bytes = fs::read(&path).unwrap();
            let result = panic::catch_unwind(|| parse(&bytes));
            assert!(result.is_ok(), "{} panics", path.display());
            cases += 1;
        }
        assert!(cases >= 5, "{name} has {cases} cases");
    }
}
