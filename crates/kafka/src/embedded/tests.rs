use super::*;
use crate::{Admin, Isolation};

#[test]
fn topics_given_at_the_start_are_there() {
    let broker = EmbeddedBroker::start(2, &[("a", 3), ("b", 1)]).unwrap();
    assert_eq!(broker.bootstrap_servers().split(',').count(), 2);
    let admin = Admin::new(&broker.client_settings()).unwrap();
    assert_eq!(admin.partitions("a").unwrap(), Some(3));
    assert_eq!(admin.partitions("b").unwrap(), Some(1));
    assert_eq!(admin.end_offsets("a", Isolation::Committed).unwrap().len(), 3);
}

#[test]
fn an_impossible_topic_is_named_in_the_error() {
    let error = EmbeddedBroker::start(1, &[("a", 0)]).unwrap_err();
    assert!(error.to_string().contains("creating topic a failed: expected at least 1"), "{error}");
    assert!(EmbeddedBroker::start(1, &[("a\0", 1)]).is_err());
}

#[test]
fn dropping_it_closes_its_ports() {
    let broker = EmbeddedBroker::start(1, &[]).unwrap();
    let address = broker.bootstrap_servers().to_owned();
    assert!(std::net::TcpStream::connect(&address).is_ok());
    drop(broker);
    assert!(std::net::TcpStream::connect(&address).is_err());
}

#[test]
fn commands_run_on_the_clusters_thread() {
    let broker = EmbeddedBroker::start(1, &[]).unwrap();
    let name = broker.with(|_| std::thread::current().name().map(str::to_owned)).unwrap();
    assert_eq!(name.as_deref(), Some("embedded-broker"));
    broker.set_broker_up(1, false).unwrap();
    broker.set_broker_up(1, true).unwrap();
}
