use std::fs;
use std::sync::Arc;

use tailsift_config::ConfigFile;
use tempfile::TempDir;

use super::{Answer, Asker, Desk, Outcome, Reloader, Request, Requests, Standing};
use crate::secrets::{Follower, Secrets};

const TEXT: &str = "
kafka: {bootstrap_servers: 'k:9092', properties: {sasl.password: '${file:password}'}}
policies: [{name: all, type: always_sample}]
redaction: [{action: hash, keys: [user.id], key: '${file:salt}'}]
";
const SLOW: &str = "{name: slow, type: latency, latency: {threshold_ms: 500}}";

/// A process whose configuration file is in a directory.
struct Bench {
    directory: TempDir,
    secrets: Arc<Secrets>,
    desk: Arc<Desk>,
    reloader: Reloader,
    follower: Follower,
}

impl Bench {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("tailsift.yaml");
        for (name, text) in [("tailsift.yaml", TEXT), ("password", "one"), ("salt", "a")] {
            fs::write(directory.path().join(name), text).unwrap();
        }
        let Ok(file) = ConfigFile::read(&path, &["epoch=1s".to_owned()]) else {
            panic!("it was just written")
        };
        let config = file.load().unwrap();
        let (desk, requests) = Desk::new(None, config.fingerprint());
        let (desk, secrets) = (Arc::new(desk), Arc::new(Secrets::new(config)));
        let (follower, _) = Follower::new(&secrets);
        let reloader = Reloader::new(file, Arc::clone(&secrets), Arc::clone(&desk), requests);
        Self { directory, secrets, desk, reloader, follower }
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.directory.path().join(name), text).unwrap();
    }

    /// Looks because it is time to; how often files were taken and refused by now.
    fn watch(&mut self) -> (u64, u64) {
        self.reloader.watch();
        let Standing { taken, refused, .. } = self.desk.standing();
        (taken, refused)
    }

    fn ask(&mut self) -> (Outcome, String) {
        let answer = self.reloader.look(Asker::Http);
        (answer.outcome, answer.reason.unwrap_or_default())
    }

    /// What a worker that follows goes by: the names of its policies, if they were just replaced.
    fn followed(&mut self) -> Option<String> {
        let new = self.follower.take_rules()?;
        let anew = if new.judge_alike { " alike" } else { "" };
        Some(format!("{}{anew}", new.rules.policies.names().join(" ")))
    }
}

#[test]
fn a_changed_file_is_taken_once() {
    let mut bench = Bench::new();
    assert_eq!((bench.watch(), bench.followed()), ((0, 0), None));
    bench.write("tailsift.yaml", &TEXT.replace("}]\nred", &format!("}}, {SLOW}]\nred")));
    assert_eq!((bench.watch(), bench.watch()), ((1, 0), (1, 0)));
    assert_eq!((bench.followed().as_deref(), bench.followed()), (Some("all slow"), None));
    let standing = bench.desk.standing();
    assert_eq!(standing.fingerprint, bench.secrets.config().fingerprint());
    assert_eq!(standing.last.map(|last| last.asked_by), Some(Asker::Interval));
    // A comment changes nothing, and is no news.
    bench.write("tailsift.yaml", &TEXT.replace("}]\nred", &format!("}}, {SLOW}]\n# why\nred")));
    assert_eq!((bench.watch(), bench.followed()), ((1, 0), None));
    assert_eq!(bench.ask().0, Outcome::Unchanged);
    bench.write("tailsift.yaml", TEXT);
    assert_eq!((bench.ask().0, bench.followed().as_deref()), (Outcome::Taken, Some("all")));
}

#[test]
fn a_bad_file_is_refused_whole_and_told_once() {
    for (from, to, reason) in [
        ("always_sample", "always_simple", "policies[0].type: always_simple is no kind"),
        ("k:9092'", "other:9092'", "kafka.bootstrap_servers differ from what"),
        (
            "\npol",
            "\ngroup: g\nwindow: {decision_wait: 5s}\npol",
            "group, dead_letters, decisions.topic, window.decision_wait differ",
        ),
        ("${file:salt}", "${file:pepper}", "${file:pepper} cannot be read"),
        ("policies:", "policies: [", "is not YAML"),
    ] {
        let mut bench = Bench::new();
        let fingerprint = bench.desk.standing().fingerprint;
        bench.write("tailsift.yaml", &TEXT.replace(from, to).replace("name: all", "name: other"));
        assert_eq!((bench.watch(), bench.watch()), ((0, 1), (0, 1)), "{to}");
        let (outcome, told) = bench.ask();
        assert!(outcome == Outcome::Refused && told.contains(reason), "{to}: {told}");
        let standing = bench.desk.standing();
        assert_eq!((standing.fingerprint, bench.followed()), (fingerprint, None));
        assert_eq!(standing.last.and_then(|last| last.reason), Some(told));
        bench.write("tailsift.yaml", TEXT);
        assert_eq!((bench.watch(), bench.ask().0), ((0, 2), Outcome::Unchanged));
    }
}

#[test]
fn lines_of_the_file_are_shown_to_no_stranger() {
    let mut bench = Bench::new();
    bench.write("tailsift.yaml", &TEXT.replace("always_sample}", "always_sample, kind: mine}"));
    let (_, told) = bench.ask();
    assert!(told.contains("| policies:") && told.contains("kind: unknown key"), "{told}");
    let shown = bench.desk.standing().without_quotes().last.and_then(|last| last.reason).unwrap();
    assert!(!shown.contains("| policies:") && shown.contains("kind: unknown key"), "{shown}");
}

#[test]
fn a_file_that_is_gone_is_refused() {
    let mut bench = Bench::new();
    fs::remove_file(bench.directory.path().join("tailsift.yaml")).unwrap();
    assert_eq!((bench.watch(), bench.watch()), ((0, 1), (0, 1)));
    assert!(bench.ask().1.contains("tailsift.yaml cannot be read"));
}

#[test]
fn what_stands_in_other_files_is_followed_and_passwords_are_no_change() {
    let mut bench = Bench::new();
    bench.write("password", "two");
    assert_eq!((bench.watch(), bench.ask().0), ((0, 0), Outcome::Unchanged));
    let fingerprint = bench.desk.standing().fingerprint;
    bench.write("salt", "b");
    assert_eq!((bench.watch(), bench.followed().as_deref()), ((1, 0), Some("all alike")));
    // Nothing that is written may tell anything about a secret.
    assert_eq!(bench.desk.standing().fingerprint, fingerprint);
}

#[test]
fn more_requests_than_are_served_are_refused() {
    let (desk, Requests(requests)) = Desk::new(None, String::new());
    let waiting: Vec<_> = (0..20).filter_map(|_| desk.ask()).collect();
    assert_eq!(waiting.len(), 8);
    let answer = Answer::now(Asker::Http, "f".into(), Ok(true));
    let Ok(Request::Http(sender)) = requests.recv() else { panic!("somebody asked") };
    sender.send(answer.clone()).unwrap();
    assert_eq!(waiting.into_iter().next().unwrap().blocking_recv().unwrap(), answer);
    assert!(desk.ask().is_some());
}
