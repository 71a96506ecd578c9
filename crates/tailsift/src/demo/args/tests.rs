use std::time::Duration;

use clap::Parser;

use super::{DemoArgs, duration};

#[derive(Debug, Parser)]
struct Cli {
    #[command(flatten)]
    demo: DemoArgs,
}

#[test]
fn durations_have_units() {
    for (text, milliseconds) in
        [("500ms", 500), ("20s", 20_000), ("2m", 120_000), ("1h", 3_600_000), ("24h", 86_400_000)]
    {
        assert_eq!(duration(text), Ok(Duration::from_millis(milliseconds)), "{text}");
    }
    for text in ["", "20", "s", "0s", "-1s", "1.5s", "25h", "18446744073709551615h", "ms"] {
        let error = duration(text).unwrap_err();
        assert!(error.starts_with("expected a time above 0 and up to 24h"), "{text}: {error}");
    }
}

#[test]
fn nothing_has_to_be_given() {
    let Cli { demo } = Cli::try_parse_from(["demo"]).unwrap();
    assert_eq!((demo.duration, demo.rate, demo.bootstrap.as_deref()), (None, 50, None));
}

#[test]
fn the_rate_is_bounded_and_a_topic_needs_a_broker() {
    for refused in [&["--rate", "0"][..], &["--rate", "501"], &["--topic", "spans"]] {
        let arguments = ["demo"].iter().chain(refused);
        assert!(Cli::try_parse_from(arguments).is_err(), "{refused:?}");
    }
    let arguments = ["demo", "--bootstrap", "localhost:9092", "--topic", "spans", "--rate", "500"];
    assert_eq!(Cli::try_parse_from(arguments).unwrap().demo.topic, "spans");
}
