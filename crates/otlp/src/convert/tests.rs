use super::*;

fn keys_and_values(attributes: &Attributes<'_>) -> Vec<(String, i64)> {
    let number = |value: &Value<'_>| match value {
        Value::Int(number) => *number,
        other => panic!("expected an integer, got {other:?}"),
    };
    let text = |key: &[u8]| String::from_utf8_lossy(key).into_owned();
    attributes.entries.iter().map(|(key, value)| (text(key), number(value))).collect()
}

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
        let expected: Vec<_> = (0..keys).map(|key| (key.to_string(), 2000 + key as i64)).collect();
        assert_eq!(keys_and_values(&attributes), expected);
    }
}
