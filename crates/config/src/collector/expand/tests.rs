use super::*;

fn environment(name: &str) -> Option<String> {
    let value = match name {
        "FIVE" => "5",
        "TEXT" => "x: y",
        "LIST" => "[a, 7]",
        "EMPTY" => "",
        "NAME" => "FIVE",
        "LOOP" => "${env:LOOP}",
        "INNER" => "<${env:FIVE}>",
        "BROKEN" => "[a",
        _ => return None,
    };
    Some(value.to_owned())
}

/// The text in its form, or what is said of it.
fn told(text: &str) -> String {
    let mut node = yaml::parse(&format!("{text:?}")).ok().unwrap().root;
    let mut errors = Vec::new();
    expand(&mut node, "k", &environment, &mut errors);
    match (&node.value, errors.first()) {
        (_, Some(error)) => format!("! {}", error.message),
        (Value::Scalar(scalar), None) => {
            let form = match scalar.form {
                Form::Filled(_) => "typed ",
                Form::FilledText(_) => "text ",
                Form::Plain | Form::Quoted | Form::Untyped => "",
            };
            format!("{form}{}", scalar.text)
        }
        (value, None) => {
            format!("{} values", Node { value: value.clone(), ..node }.children().len())
        }
    }
}

#[test]
fn references_are_filled_in_as_the_collector_does() {
    for (text, expect) in [
        ("plain", "plain"),
        ("^a$", "^a$"),
        ("^a$$", "^a$"),
        ("$$$$", "$$"),
        ("$x", "$x"),
        ("${env:FIVE}", "typed 5"),
        ("${FIVE}", "typed 5"),
        ("${env:FIVE}s", "text 5s"),
        ("${env:UNSET}", "typed "),
        ("x${env:UNSET}y", "text xy"),
        ("${env:UNSET:-50}", "typed 50"),
        ("${UNSET:-50}", "typed 50"),
        ("${env:EMPTY:-50}", "typed "),
        ("${env:LIST}", "2 values"),
        ("${env:TEXT}", "1 values"),
        ("${env:BROKEN}", "typed [a"),
        ("$${env:FIVE}", "${env:FIVE}"),
        ("$$${env:FIVE}", "text $5"),
        ("${env:${env:NAME}}", "typed 5"),
        ("${env:INNER}", "text <5>"),
        ("${env:FIVE", "${env:FIVE"),
        ("}${env:FIVE}{", "text }5{"),
        (
            "${file:/etc/passwd}",
            "! \"${file:/etc/passwd}\" is not read from a file here: write ${env:NAME} or ${env:NAME:-default}",
        ),
        (
            "${env:no-name}",
            "! \"no-name\" names no environment variable: write ${env:NAME} or ${env:NAME:-default}",
        ),
        ("${env:LOOP}", "! holds more than 100 references"),
    ] {
        assert_eq!(told(text), expect, "{text}");
    }
}
