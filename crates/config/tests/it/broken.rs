//! Whole files that do not load, each with the report beside it. `UPDATE_EXPECT=1` writes those.

use std::path::Path;

use expect_test::expect_file;
use tailsift_config::{Report, load};

use crate::no_file;

#[test]
fn reports() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/broken");
    let mut count = 0;
    for entry in std::fs::read_dir(&directory).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "yaml") {
            let text = std::fs::read_to_string(&path).unwrap();
            let outcome = load(&text, &[], &|_| None, &no_file);
            let errors = outcome.map(|_| panic!("{} loads", path.display())).unwrap_err();
            expect_file![path.with_extension("txt")].assert_eq(&Report(&errors).to_string());
            count += 1;
        }
    }
    assert_eq!(count, 10);
}
