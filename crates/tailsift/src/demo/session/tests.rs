use std::time::{Duration, Instant};

use super::Speed;

#[test]
fn speeds_are_those_of_the_last_two_seconds() {
    let mut speed = Speed::default();
    let start = Instant::now();
    let at = |milliseconds| start + Duration::from_millis(milliseconds);
    assert_eq!(speed.note(at(0), 0, 0), (0.0, 0.0));
    assert_eq!(speed.note(at(500), 25, 350), (50.0, 700.0));
    assert_eq!(speed.note(at(2_000), 100, 1_400), (50.0, 700.0));
    assert_eq!(speed.note(at(4_000), 100, 1_400), (0.0, 0.0));
}
