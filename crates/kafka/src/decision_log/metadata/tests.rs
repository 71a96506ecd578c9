use proptest::prelude::*;

use super::*;

fn sample() -> Commit {
    Commit {
        scope: 0xab,
        checkpoint: Checkpoint { incarnation: u64::MAX, sequence: 17, log_partition: 3 },
        read_to: 5000,
        stream_time: Some(Millis(1_795_346_631_501)),
        read_stream_time: None,
        live_from: Some(42),
        kept_from: Some(40),
        config: 0xc0ff_ee00,
    }
}

const TEXT: &str = "tailsift/1 scope=00000000000000ab inc=ffffffffffffffff seq=17 log=3 read=5000 \
                    time=1795346631501 read_time=- from=42 keep=40 config=00000000c0ffee00";

#[test]
fn metadata_is_text() {
    assert_eq!(CommitMetadata(sample()).to_string(), TEXT);
    assert_eq!(CommitMetadata::parse(TEXT.as_bytes()), Ok(Some(sample())));
}

#[test]
fn further_fields_are_ignored() {
    let text = format!("{TEXT} turns=2 note=");
    assert_eq!(CommitMetadata::parse(text.as_bytes()), Ok(Some(sample())));
}

#[test]
fn metadata_of_others_is_none() {
    for text in ["", "v1 ab 1 -", "reset by hand", "tailsift", " tailsift/1", "TAILSIFT/1"] {
        assert_eq!(CommitMetadata::parse(text.as_bytes()), Ok(None), "{text}");
    }
    assert_eq!(CommitMetadata::parse(&[0xff]), Ok(None));
}

#[test]
fn other_versions_and_malformed_metadata_are_refused() {
    let replaced = |from, to| TEXT.replace(from, to);
    for text in [
        "tailsift/".to_owned(),
        "tailsift/1".to_owned(),
        replaced("tailsift/1", "tailsift/0"),
        replaced("tailsift/1", "tailsift/2"),
        replaced("tailsift/1", "tailsift/10"),
        replaced("tailsift/1", "tailsift/01"),
        replaced(" config=00000000c0ffee00", ""),
        replaced("c0ffee00", "C0FFEE00"),
        replaced("c0ffee00", "c0ffee001"),
        replaced("seq=17", "seq=+17"),
        replaced("seq=17", "seq=-17"),
        replaced("seq=17", "seq=017"),
        replaced("seq=17", "seq=18446744073709551616"),
        replaced("log=3", "log=-3"),
        replaced("read=5000", "read=-5000"),
        replaced("read=5000", "read=-"),
        replaced("from=42", "from=-42"),
        replaced("time=-", "time="),
        replaced(" from", "  from"),
        format!("{TEXT} "),
        format!("{TEXT} more"),
        format!("{TEXT}0"),
    ] {
        let refused = CommitMetadata::parse(text.as_bytes());
        assert_eq!(refused, Err(UnknownVersion { got: text }));
    }
    assert!(CommitMetadata::parse(b"tailsift/1 \xff").is_err());
}

#[test]
fn the_refusal_says_what_came_and_what_to_do() {
    let text = format!("tailsift/7 {}", "x".repeat(10_000));
    let message = CommitMetadata::parse(text.as_bytes()).unwrap_err().to_string();
    assert!(message.contains("expected `tailsift/1 ") && message.contains("got \"tailsift/7 x"));
    assert!(message.contains("run the release that wrote it") && message.len() < 800, "{message}");
}

#[test]
fn metadata_is_short() {
    let time = Some(Millis(i64::MIN));
    let longest = Commit {
        scope: u64::MAX,
        checkpoint: Checkpoint {
            incarnation: u64::MAX,
            sequence: u64::MAX,
            log_partition: i32::MAX,
        },
        read_to: i64::MAX,
        stream_time: time,
        read_stream_time: time,
        live_from: Some(i64::MAX),
        kept_from: Some(i64::MAX),
        config: u64::MAX,
    };
    let text = CommitMetadata(longest).to_string();
    assert!(text.len() < 320, "{}: {text}", text.len());
}

fn commits() -> impl Strategy<Value = Commit> {
    let checkpoint = (any::<u64>(), any::<u64>(), 0..=i32::MAX);
    let times = (any::<Option<i64>>(), any::<Option<i64>>());
    let offset = || prop::option::of(0..=i64::MAX);
    let from = (offset(), offset());
    (any::<u64>(), checkpoint, 0..=i64::MAX, times, from, any::<u64>()).prop_map(
        |(scope, (incarnation, sequence, log_partition), read_to, times, from, config)| Commit {
            scope,
            checkpoint: Checkpoint { incarnation, sequence, log_partition },
            read_to,
            stream_time: times.0.map(Millis),
            read_stream_time: times.1.map(Millis),
            live_from: from.0,
            kept_from: from.1,
            config,
        },
    )
}

proptest! {
    #[test]
    fn metadata_comes_back(commit in commits()) {
        let text = CommitMetadata(commit.clone()).to_string();
        prop_assert_eq!(CommitMetadata::parse(text.as_bytes()), Ok(Some(commit)));
    }

    #[test]
    fn any_metadata_is_read_or_refused(
        commit in commits(),
        at in 0usize..300,
        bytes in prop::collection::vec(any::<u8>(), 0..4),
    ) {
        let mut text = CommitMetadata(commit).to_string().into_bytes();
        let at = at.min(text.len());
        text.splice(at..(at + 2).min(text.len()), bytes);
        if let Ok(Some(commit)) = CommitMetadata::parse(&text) {
            prop_assert!(text.starts_with(CommitMetadata(commit).to_string().as_bytes()));
        }
    }
}
