use super::*;

/// Few and many attributes go different ways.
#[test]
fn a_repeated_key_keeps_its_place_and_takes_the_last_value() {
    for keys in [3, COMPARED_MAX, 500] {
        let mut attributes = Attributes::default();
        for round in 0..3 {
            for key in 0..keys {
                attributes
                    .push(format!("{key}").into_bytes(), Value::Int(round * 1000 + key as i64));
            }
        }
        attributes.settle();
        let expected: Vec<_> = (0..keys)
            .map(|key| (key.to_string().into_bytes().into(), Value::Int(2000 + key as i64)))
            .collect();
        assert_eq!(attributes.entries, expected);
    }
}
