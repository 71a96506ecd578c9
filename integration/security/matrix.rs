//! Each mechanism with what is right and with what is wrong: it works, or an error says in seconds
//! what is wrong, and where.

use std::io::Write as _;
use std::time::{Duration, Instant};

use anyhow::ensure;
use tailsift_fixture::{IntegrationTest, Listener, SecureKafka, unique_name};

use crate::rig::{Plan, Rig, UNTIL_IDLE, finished};
use crate::secure::{
    Connection, PLAIN_PASSWORD, SCRAM_PASSWORD, broker, error_line, exported_spans, grant,
    printed_grants, produce_failures, rig,
};

pub(crate) const TESTS: &[IntegrationTest] =
    &[("security::matrix_of_mechanisms_and_faults", matrix_of_mechanisms_and_faults)];

/// As whom each mechanism comes.
const PRINCIPALS: [&str; 4] = ["User:ANONYMOUS", "User:CN=client", "User:plain", "User:scram"];
const WRONG: &str = "wrong-4711";
/// From start to error.
const SECONDS: Duration = Duration::from_secs(25);

/// What must not work, and what its error line must say.
struct Fault {
    name: &'static str,
    connection: Connection,
    more: Vec<String>,
    says: Vec<String>,
}

struct Mechanism {
    name: &'static str,
    right: Connection,
    faults: Vec<Fault>,
}

fn matrix_of_mechanisms_and_faults() -> anyhow::Result<()> {
    let broker = broker()?;
    let rig = rig(&broker, Plan { partitions: 2, ..Plan::default() })?;
    grant(&broker, &printed_grants(&rig, &[])?, &PRINCIPALS)?;
    let closed = unique_name("closed");
    rig.make_topic(&closed, 1)?;
    let mut lines = Vec::new();
    let mut wrong = Vec::new();
    for (number, mechanism) in mechanisms(&broker, &closed).into_iter().enumerate() {
        let mut cell = |name: &str, outcome: anyhow::Result<String>| {
            let text = outcome.unwrap_or_else(|error| {
                wrong.push(format!("{} {name}: {error:?}", mechanism.name));
                format!("NOT AS IT SHOULD BE: {error:#}")
            });
            lines.push(format!("{:<14}{name:<20}{text}", mechanism.name));
        };
        cell("right", works(&rig, &mechanism.right, u8::try_from(number)?));
        for fault in &mechanism.faults {
            cell(fault.name, fails(&rig, fault));
        }
    }
    let (rows, amiss) = crate::grants::rows()?;
    wrong.extend(amiss);
    lines.extend(rows);
    let table = lines.join("\n");
    // Nothing is left to do about a closed standard output.
    let _ = writeln!(std::io::stdout(), "\n\n{:<14}{:<20}outcome\n{table}\n", "mechanism", "with");
    ensure!(wrong.is_empty(), "{}\nbroker:\n{}", wrong.join("\n"), broker.log_tail());
    Ok(())
}

/// Three traces go in and come out.
fn works(rig: &Rig, connection: &Connection, number: u8) -> anyhow::Result<String> {
    let before = exported_spans(rig)?;
    produce_failures(rig, 1 + number * 3, 3)?;
    finished(connection.start(rig, "run", UNTIL_IDLE)?)?;
    let spans = exported_spans(rig)? - before;
    ensure!(spans == 3, "expected 3 spans, got {spans}");
    Ok("works".to_owned())
}

fn fails(rig: &Rig, fault: &Fault) -> anyhow::Result<String> {
    let began = Instant::now();
    let more: Vec<&str> = fault.more.iter().map(String::as_str).collect();
    let mut child = fault.connection.start(rig, "run", &more)?;
    let status = child.wait(2 * SECONDS)?;
    let (took, line) = (began.elapsed(), error_line(&child));
    ensure!(status.code() == Some(1), "expected exit code 1, got {status}: {line}");
    for says in &fault.says {
        ensure!(line.contains(says), "expected {says:?} in {line}");
    }
    ensure!(took < SECONDS, "it took {took:?}: {line}");
    Ok(line)
}

fn fault(name: &'static str, connection: Connection, says: &[&str]) -> Fault {
    let says = says.iter().map(|text| (*text).to_owned()).collect();
    Fault { name, connection, more: Vec::new(), says }
}

/// What goes wrong with every mechanism.
fn usual(broker: &SecureKafka, closed: &str, right: &Connection) -> [Fault; 3] {
    let other = broker.file("other-ca.pem").to_string_lossy().into_owned();
    let nobody = format!("signed by nobody that ssl.ca.location {other} trusts");
    let denied = format!("input.topic: Read on topic {closed:?} is not granted to ");
    let mut missing = fault("missing grant", right.clone(), &[&denied, "topics --acls"]);
    missing.more = vec!["--set".to_owned(), format!("input.topic={closed}")];
    [
        fault("wrong CA", right.clone().with("ssl.ca.location", &other), &[&nobody]),
        fault(
            "expired certificate",
            right.clone().at(broker, Listener::Expired),
            &["the broker's certificate has expired", "renew"],
        ),
        missing,
    ]
}

fn mechanisms(broker: &SecureKafka, closed: &str) -> Vec<Mechanism> {
    let path = |name: &str| broker.file(name).to_string_lossy().into_owned();
    let usual = |right: &Connection| usual(broker, closed, right);
    let tls = Connection::tls(broker);
    let mutual = Connection::mutual_tls(broker);
    let ours = |name: &str| {
        mutual.clone().with_file("ssl.certificate.location", broker, name).with_file(
            "ssl.key.location",
            broker,
            "client-plain.key",
        )
    };
    let plain = Connection::plain(broker, "plain", PLAIN_PASSWORD);
    let scram = Connection::scram(broker, "scram", SCRAM_PASSWORD);
    let password = |name: &str, mechanism: &str, right: &Connection| {
        let says = format!("authentication of user {name:?} with {mechanism} failed");
        fault(
            "wrong password",
            right.clone().with("sasl.password", WRONG),
            &[&says, "sasl.password"],
        )
    };
    let [_, _, closed_to_us] = usual(&mutual);
    let (strange, expired) = (path("client-other-ca.pem"), path("client-expired.pem"));
    let key = path("client.key");
    vec![
        Mechanism { name: "TLS", faults: usual(&tls).into(), right: tls },
        Mechanism {
            name: "mTLS",
            faults: vec![
                fault(
                    "wrong password",
                    mutual.clone().with("ssl.key.password", WRONG),
                    &[&key, "ssl.key.password"],
                ),
                fault("wrong CA", ours("client-other-ca.pem"), &["not accept", &strange]),
                fault(
                    "expired certificate",
                    ours("client-expired.pem"),
                    &["not accept", "has not expired", &expired],
                ),
                closed_to_us,
            ],
            right: mutual.clone(),
        },
        Mechanism {
            name: "PLAIN",
            faults: [password("plain", "PLAIN", &plain)].into_iter().chain(usual(&plain)).collect(),
            right: plain,
        },
        Mechanism {
            name: "SCRAM-SHA-512",
            faults: [password("scram", "SCRAM-SHA-512", &scram)]
                .into_iter()
                .chain(usual(&scram))
                .collect(),
            right: scram,
        },
    ]
}
