use std::fs;
use std::sync::Arc;

use tailsift_config::ConfigFile;
use tailsift_kafka::AccessError;
use tempfile::TempDir;

use super::watch::{Found, Watch};
use super::{Follower, News, Secrets};

/// A configuration whose secrets are in files of a directory, watched.
struct Bench {
    directory: TempDir,
    secrets: Arc<Secrets>,
    watch: Watch,
}

const TEXT: &str = "
kafka:
  bootstrap_servers: 'k:9092'
  properties:
    security.protocol: sasl_ssl
    sasl.mechanism: PLAIN
    sasl.username: u
    sasl.password: ${file:password}
    ssl.ca.location: DIR/ca.pem
policies: [{name: all, type: always_sample}]
";

impl Bench {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("tailsift.yaml");
        fs::write(&path, TEXT.replace("DIR", &directory.path().to_string_lossy())).unwrap();
        fs::write(directory.path().join("password"), "one\n").unwrap();
        fs::write(directory.path().join("ca.pem"), "a").unwrap();
        let Ok(file) = ConfigFile::read(&path, &[]) else { panic!("it was just written") };
        let secrets = Arc::new(Secrets::new(file.load().unwrap()));
        let watch = Watch::new(file, Arc::clone(&secrets));
        Self { directory, secrets, watch }
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.directory.path().join(name), text).unwrap();
    }

    fn look(&mut self) -> Found {
        self.watch.look_with(|_| Ok(true))
    }

    fn password(&self) -> String {
        self.secrets.config().kafka.properties["sasl.password"].clone()
    }
}

/// What a worker that follows has to do, in a word.
fn word(follower: &mut Follower) -> &'static str {
    match follower.news() {
        News::Nothing => "nothing",
        News::Login(_) => "login",
        News::Reconnect(_) => "reconnect",
    }
}

#[test]
fn a_password_is_given_to_clients_that_run() {
    let mut bench = Bench::new();
    let (mut follower, _) = Follower::new(&bench.secrets);
    assert_eq!((bench.look(), word(&mut follower)), (Found::Nothing, "nothing"));
    bench.write("password", "two\n");
    assert_eq!(bench.look(), Found::Taken);
    assert_eq!(bench.password(), "two");
    assert_eq!((word(&mut follower), word(&mut follower)), ("login", "nothing"));
    assert_eq!(bench.look(), Found::Nothing);
}

#[test]
fn a_file_takes_new_clients_one_worker_after_another() {
    let mut bench = Bench::new();
    let (mut one, _) = Follower::new(&bench.secrets);
    let (mut other, _) = Follower::new(&bench.secrets);
    bench.write("ca.pem", "b");
    assert_eq!(bench.look(), Found::Taken);
    // A login that comes later does not make up for it.
    bench.write("password", "two");
    assert_eq!(bench.look(), Found::Taken);
    let News::Reconnect(ticket) = one.news() else { panic!("nobody else is at it") };
    assert_eq!(word(&mut other), "nothing", "one at a time");
    let (mut anew, config) = Follower::new(&bench.secrets);
    anew.hold(Some(ticket));
    assert_eq!(config.kafka.properties["sasl.password"], "two");
    assert_eq!((word(&mut anew), word(&mut other)), ("nothing", "nothing"));
    anew.settle();
    assert_eq!((word(&mut anew), word(&mut other)), ("nothing", "reconnect"));
}

#[test]
fn what_cannot_be_used_changes_nothing() {
    let mut bench = Bench::new();
    let (mut follower, _) = Follower::new(&bench.secrets);
    bench.write("password", "");
    let Found::Refused(reason) = bench.look() else { panic!("an empty password was taken") };
    assert!(reason.contains("kafka.properties.sasl.password: is missing or empty"), "{reason}");
    fs::remove_file(bench.directory.path().join("password")).unwrap();
    let Found::Refused(reason) = bench.look() else { panic!("a missing file was taken") };
    assert!(reason.contains("${file:password} cannot be read"), "{reason}");
    bench.write("password", "two");
    assert_eq!(bench.watch.look_with(|_| Ok(false)), Found::Unanswered);
    let refusal = AccessError::Refused {
        bootstrap_servers: "k:9092".to_owned(),
        cause: "no".to_owned(),
        remedy: "yes".to_owned(),
        reason: "because".to_owned(),
    };
    let found = bench.watch.look_with(|_| Err(refusal.clone()));
    assert_eq!(found, Found::Refused(refusal.to_string()));
    assert_eq!((bench.password().as_str(), word(&mut follower)), ("one", "nothing"));
    assert_eq!(bench.look(), Found::Taken, "it is tried again");
}

#[test]
fn only_secrets_are_taken_up() {
    let mut bench = Bench::new();
    bench.write("tailsift.yaml", "nothing");
    bench.write("password", "two");
    assert_eq!(bench.look(), Found::Taken);
    assert_eq!(bench.secrets.config().kafka.bootstrap_servers, "k:9092");
}

#[test]
fn a_directory_of_authorities_is_looked_at() {
    let mut bench = Bench::new();
    fs::remove_file(bench.directory.path().join("ca.pem")).unwrap();
    fs::create_dir(bench.directory.path().join("ca.pem")).unwrap();
    assert_eq!(bench.look(), Found::Taken);
    assert_eq!(bench.look(), Found::Nothing);
    bench.write("ca.pem/1.pem", "a");
    assert_eq!(bench.look(), Found::Taken);
}
