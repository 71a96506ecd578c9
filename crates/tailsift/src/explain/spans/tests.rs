use std::io::Write as _;

use super::*;

const SPAN: &str = r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"4bf92f3577b34da6a3ce929d0e0e4736"}]}]}]}"#;

fn request(json: &str) -> Vec<u8> {
    json_to_protobuf(json.as_bytes()).unwrap()
}

/// How many batches of how many spans, or what is wrong; the file's own name left out.
fn told(content: &[u8]) -> String {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(content).unwrap();
    let mut scanner = Scanner::new(Interest::default());
    let mut spans = Vec::new();
    let outcome = each_batch(file.path(), |payload| {
        spans.push(scanner.scan(payload)?.spans.len());
        Ok(())
    });
    match outcome {
        Ok(()) => format!("{spans:?}"),
        Err(error) => {
            format!("{spans:?} {error}").replace(&file.path().display().to_string(), "FILE")
        }
    }
}

#[test]
fn json_lines_and_protobuf_are_told_apart() {
    let pretty =
        serde_json::to_string_pretty(&serde_json::from_str::<serde_json::Value>(SPAN).unwrap());
    let long_name = format!(
        r#"{{"resourceSpans":[{{"resource":{{"attributes":[{{"key":"{}"}}]}},"scopeSpans":[{{"spans":[{{"traceId":"4bf92f3577b34da6a3ce929d0e0e4736"}}]}}]}}]}}"#,
        "k".repeat(95)
    );
    let like_json = request(&long_name);
    assert_eq!(&like_json[..2], b"\n{", "it looks like JSON after an empty line");
    for (content, expect) in [
        (SPAN.as_bytes().to_vec(), "[1]"),
        (pretty.unwrap().into_bytes(), "[1]"),
        (format!("\u{feff}{SPAN}\n\n{SPAN}\n{{}}\n").into_bytes(), "[1, 1, 0]"),
        (format!("\n {SPAN}").into_bytes(), "[1]"),
        (request(SPAN), "[1]"),
        (like_json, "[1]"),
        (Vec::new(), "[0]"),
    ] {
        assert_eq!(told(&content), expect, "{}", String::from_utf8_lossy(&content));
    }
}

#[test]
fn what_cannot_be_used_is_named_with_its_place() {
    for (content, expect) in [
        (format!("{SPAN}\n{{\"resourceSpans\": 5}}"), "[1] FILE, line 2: "),
        (
            format!("{SPAN}\n\n{{\"resourceSpans\": [}}"),
            "[1] FILE, line 3: expected OTLP/JSON, a request or one on each line, got no JSON: ",
        ),
        ("[1]".to_owned(), "[] FILE, line 1: "),
        ("traces".to_owned(), "[] FILE: not an OTLP trace request: byte "),
    ] {
        let told = told(content.as_bytes());
        assert!(told.starts_with(expect), "{content}: {told}");
    }
    let missing = each_batch(Path::new("no/such/file"), |_| Ok(())).unwrap_err().to_string();
    assert!(missing.starts_with("no/such/file: cannot be read: "), "{missing}");
}

#[test]
fn a_file_has_a_bound() {
    let file = tempfile::NamedTempFile::new().unwrap();
    file.as_file().set_len(FILE_BYTES_MAX + 1).unwrap();
    let error = each_batch(file.path(), |_| Ok(())).unwrap_err().to_string();
    assert!(error.contains("expected at most 67108864 bytes, got more: split the file"), "{error}");
}
