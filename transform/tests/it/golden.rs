//! The exact line of every known shape of event.
//!
//! `golden.txt` holds the name of every file of `fixtures/events` with its line, or the reason why it has none. It was
//! checked by eye. After a change, `UPDATE_EXPECT=1 cargo test -p transform` writes it again, to be checked again.

use expect_test::expect_file;
use fixtures::shapes;
use transform::record;

#[test]
fn every_shape_has_its_line() {
    let mut golden = String::new();
    for shape in shapes() {
        let outcome = record::line(shape.envelope.as_bytes());
        assert_eq!(outcome.is_ok(), shape.is_line, "{}", shape.name);
        let text = outcome.map_or_else(|error| format!("{error:?}\n"), |line| String::from_utf8(line).unwrap());
        golden.push_str(&format!("{}\n  {text}", shape.name));
    }
    expect_file!["./golden.txt"].assert_eq(&golden);
}
