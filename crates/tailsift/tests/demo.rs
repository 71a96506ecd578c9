//! The demonstration as a person runs it: it needs nothing, ends by itself, and finds that what
//! was kept is what had to be.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tailsift_kafka::{EmbeddedBroker, Isolation, Reader, partition_fnv1a};
use tailsift_otlp::read_spans;

/// Far more than it takes to see the first kept trace, and less than the load would last.
const PATIENCE: Duration = Duration::from_secs(110);

fn demo(arguments: &[&str]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_tailsift"))
        .arg("demo")
        .args(arguments)
        .env_remove("RUST_LOG")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary was built for this test")
}

/// The numbers of the last line: `expected N, kept N, partial 0, unexpected 0`.
fn verdict(stdout: &str) -> [u64; 4] {
    let line = stdout.lines().last().expect("it says something");
    let words = ["expected ", "kept ", "partial ", "unexpected "];
    words.map(|word| {
        let (_, rest) = line.split_once(word).unwrap_or_else(|| panic!("{word:?} in {line:?}"));
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().expect("a number follows")
    })
}

#[test]
fn it_keeps_what_it_has_to() {
    let output = demo(&["--duration", "5s", "--rate", "60"]).wait_with_output().unwrap();
    let stdout = String::from_utf8(output.stdout).unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{stdout}\n{stderr}");

    let [expected, kept, partial, unexpected] = verdict(&stdout);
    assert!(expected >= 10, "of 300 requests about 30 go wrong\n{stdout}");
    assert_eq!((kept, partial, unexpected), (expected, 0, 0), "{stdout}");
    for policy in ["errors", "slow-features", "unsure"] {
        let title = stdout.lines().find(|line| line.starts_with(policy) && line.contains("trace "));
        assert!(title.is_some(), "a waterfall of {policy}\n{stdout}");
    }
    for line in stdout.lines() {
        assert!(console::measure_text_width(line) < 80, "wraps at 80 columns: {line:?}");
    }
    assert!(!stdout.contains('\u{1b}'), "colours although it is no terminal\n{stdout}");
}

#[test]
fn an_interrupt_ends_the_load_and_the_check_is_still_made() {
    let started = Instant::now();
    let mut child = demo(&["--duration", "2m"]);
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let kept = |line: &str| {
        let (_, rest) = line.split_once(" kept")?;
        rest.split_whitespace().next()?.parse::<u64>().ok()
    };
    let mut stdout = String::new();
    while !stdout.lines().any(|line| kept(line).is_some_and(|kept| kept > 0)) {
        stdout.push_str(&lines.next().expect("it goes on for two minutes").unwrap());
        stdout.push('\n');
    }
    let interrupted = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(interrupted.unwrap().success());
    for line in lines {
        stdout.push_str(&line.unwrap());
        stdout.push('\n');
    }
    assert!(child.wait().unwrap().success(), "{stdout}");
    assert!(started.elapsed() < PATIENCE, "it went on after the interrupt\n{stdout}");
    let [expected, kept, partial, unexpected] = verdict(&stdout);
    assert!(expected > 0);
    assert_eq!((kept, partial, unexpected), (expected, 0, 0), "{stdout}");
}

#[test]
fn a_load_alone_goes_to_a_topic() {
    let broker = EmbeddedBroker::start(1, &[("spans", 4)]).unwrap();
    let arguments = ["--bootstrap", broker.bootstrap_servers(), "--topic", "spans"];
    let output =
        demo(&[&arguments[..], &["--duration", "2s"]].concat()).wait_with_output().unwrap();
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{stdout}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(stdout.starts_with("writing to topic spans (4 partitions) at "), "{stdout}");

    let settings = broker.client_settings();
    let mut reader = Reader::open(&settings, "spans", Isolation::Committed).unwrap();
    let records = reader.read_all(PATIENCE).unwrap();
    let mut spans = 0;
    for record in &records {
        let read = read_spans(record.value.as_ref().unwrap()).unwrap();
        let key = String::from_utf8(record.key.clone().unwrap()).unwrap();
        assert!(read.iter().all(|span| span.trace_id.unwrap().to_string() == key));
        assert_eq!(record.partition, partition_fnv1a(key.as_bytes(), 4));
        spans += read.len();
    }
    assert!(spans > 100, "{spans}");
    let digits: String = stdout
        .lines()
        .last()
        .unwrap()
        .split(" spans written")
        .next()
        .unwrap()
        .chars()
        .filter(char::is_ascii_digit)
        .collect();
    assert_eq!(digits, spans.to_string(), "{stdout}");
}

#[test]
fn a_topic_that_is_not_there_is_told() {
    let broker = EmbeddedBroker::start(1, &[("spans", 1)]).unwrap();
    let arguments = ["--bootstrap", broker.bootstrap_servers(), "--topic", "missing"];
    let output = demo(&arguments).wait_with_output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("expected a topic missing at "), "{stderr}");
    assert!(stderr.contains("tailsift topics"), "{stderr}");
}
