use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use super::*;

#[derive(Clone, Default)]
struct Sink(Arc<Mutex<Vec<u8>>>);

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What is written while a worker logs at three levels.
fn written(format: LogFormat, rust_log: Option<&str>, colours: bool) -> String {
    let sink = Sink::default();
    let writer = sink.clone();
    let filter = filter(rust_log, LevelFilter::INFO).unwrap();
    let subscriber = subscriber(format, filter, colours, move || writer.clone());
    tracing::subscriber::with_default(subscriber, || {
        let _worker = worker_span(7).entered();
        tracing::debug!("quiet");
        tracing::info!(partition = 3, "restored");
        tracing::error!("lost");
    });
    String::from_utf8(sink.0.lock().unwrap().clone()).unwrap()
}

#[test]
fn text_lines_name_the_worker() {
    let text = written(LogFormat::Text, None, false);
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines.len(), 2, "{text}");
    assert!(lines[0].contains(" INFO worker{worker=7}: "), "{text}");
    assert!(lines[0].ends_with("restored partition=3"), "{text}");
    assert!(!text.contains('\u{1b}'), "{text}");
}

#[test]
fn colours_are_asked_for() {
    assert!(written(LogFormat::Text, None, true).contains('\u{1b}'));
    assert!(!written(LogFormat::Json, None, true).contains('\u{1b}'));
}

#[test]
fn json_lines_hold_fields() {
    let text = written(LogFormat::Json, None, false);
    let line: serde_json::Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    assert_eq!(line["level"], "INFO");
    assert_eq!(line["message"], "restored");
    assert_eq!(line["partition"], 3);
    assert_eq!(line["span"]["worker"], 7);
}

#[test]
fn the_variable_filters_but_the_worker_stays() {
    assert_eq!(written(LogFormat::Text, Some("debug"), false).lines().count(), 3);
    let text = written(LogFormat::Text, Some("error"), false);
    assert!(text.contains("worker{worker=7}: ") && text.ends_with("lost\n"), "{text}");
    assert_eq!(text.lines().count(), 1, "{text}");
}

#[test]
fn a_wrong_filter_is_an_error_with_the_remedy() {
    let error = filter(Some("tailsift=loud"), LevelFilter::INFO).unwrap_err();
    assert!(error.is::<tracing_subscriber::filter::ParseError>(), "exit code 2 rests on it");
    assert_eq!(
        error.to_string(),
        "RUST_LOG: expected a level such as debug, or directives such as \
         tailsift_kafka=debug,warn, got \"tailsift=loud\"; correct or unset it"
    );
}
