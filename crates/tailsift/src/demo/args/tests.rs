use clap::Parser;

use super::DemoArgs;

#[derive(Debug, Parser)]
struct Cli {
    #[command(flatten)]
    demo: DemoArgs,
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
