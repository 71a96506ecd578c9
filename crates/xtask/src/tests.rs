use clap::CommandFactory;
use tailsift_kafka::EmbeddedBroker;

use super::*;

/// Runs a command line on a broker; what it wrote, or the error.
fn xtask(broker: &EmbeddedBroker, line: &str) -> Result<String, String> {
    let words = line.split_whitespace().chain(["--bootstrap", broker.bootstrap_servers()]);
    let cli = Cli::try_parse_from(["cargo xtask"].into_iter().chain(words))
        .map_err(|error| error.to_string())?;
    let mut out = Vec::new();
    run(&cli.command, &mut out).map_err(|error| format!("{error:#}"))?;
    Ok(String::from_utf8(out).unwrap())
}

/// The arguments that `load` and `replay` print for `verify`.
fn verify_arguments(written: &str) -> &str {
    written.lines().find_map(|line| line.strip_prefix("verify ")).unwrap()
}

/// The count beside a line's name.
fn count(table: &str, name: &str) -> u64 {
    let line = table.lines().find(|line| line.trim().starts_with(name)).unwrap();
    line.split_whitespace().last().unwrap().parse().unwrap()
}

#[test]
fn the_command_line_is_sound() {
    Cli::command().debug_assert();
}

#[test]
fn what_was_written_is_verified() {
    let broker = EmbeddedBroker::start(1, &[("keyed", 4), ("bulk", 4), ("played", 4)]).unwrap();
    let keyed = xtask(&broker, "load --topic keyed --traces 500 --partitions 4").unwrap();
    assert!(
        keyed.contains("30 of 500 traces: 10 errors, 10 slow, 10 of low confidence"),
        "{keyed}"
    );
    let keyed = verify_arguments(&keyed);

    let all = format!("verify --topic keyed {keyed} --policies always");
    let all = xtask(&broker, &all).unwrap();
    assert_eq!((count(&all, "complete"), count(&all, "unexpected")), (500, 0), "{all}");
    assert!(all.ends_with("\nall right\n"), "{all}");

    let worthy = xtask(&broker, &format!("verify --topic keyed {keyed}")).unwrap();
    assert_eq!((count(&worthy, "complete"), count(&worthy, "unexpected")), (30, 470), "{worthy}");
    assert!(worthy.ends_with("\nNOT RIGHT\n"), "{worthy}");

    let bulk = "load --topic bulk --traces 500 --shape bulk --partitions 4";
    let bulk = xtask(&broker, bulk).unwrap();
    let other = format!("verify --topic keyed {}", verify_arguments(&bulk));
    let other = xtask(&broker, &other).unwrap();
    assert_eq!(count(&other, "expected"), 30, "{other}");
    assert!(other.ends_with("\nNOT RIGHT\n"), "spans of another time are other spans: {other}");

    let replay = "replay otlp_proto_keyed_nobatch.bin --topic played --times 3 --partitions 4";
    let played = xtask(&broker, replay).unwrap();
    let verify = format!("verify --topic played {} --policies always", verify_arguments(&played));
    let played = xtask(&broker, &verify).unwrap();
    assert_eq!(count(&played, "complete"), 105, "{played}");
    assert!(played.ends_with("\nall right\n"), "{played}");
}

#[test]
fn refusals_say_what_to_do() {
    let broker = EmbeddedBroker::start(1, &[("in", 4)]).unwrap();
    for (line, message) in [
        ("load --topic in --traces 1", "expected 8 partitions, got 4"),
        ("load --topic in --shape flat", "expected keyed, bulk or unkeyed, got \"flat\""),
        (
            "replay nothing.bin --topic in --partitions 4",
            "the corpus is kept in integration/corpus",
        ),
        ("replay zipkin_json.bin --topic in --partitions 4", "replay takes OTLP in protobuf"),
        ("replay otlp_proto_keyed.bin --topic in --original-times", "cannot be used with"),
        ("replay otlp_proto_keyed.bin --topic in --kill 1", "need --original-times"),
        ("replay otlp_proto_keyed.bin", "--topic"),
        ("verify --topic in", "--load-spec"),
        ("verify --topic in --load-spec size=1", "take the line that `load` printed"),
        ("verify --topic in --corpus otlp_json_unkeyed.bin", "replay takes OTLP in protobuf"),
    ] {
        let error = xtask(&broker, line).unwrap_err();
        assert!(error.contains(message), "{line}: {error}");
    }
}
