//! The printed grants are enough, and none of them is too much: without any single one an error
//! says in seconds what is missing, or, where it is optional, all goes on.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde_json::Value;
use tailsift_fixture::{SecureKafka, eventually};

use crate::payload::record;
use crate::rig::{Plan, Rig, UNTIL_IDLE, finished};
use crate::secure::{
    Connection, Grant, PLAIN_PASSWORD, broker, error_line, exported_spans, grant, printed_grants,
    produce_failures, rig, single,
};

/// From start to error.
const SECONDS: Duration = Duration::from_secs(25);

/// A row for each grant of a keyed and of an unkeyed input: what it is, and what is said without
/// it; and what is not as it should be.
pub(crate) fn rows() -> anyhow::Result<(Vec<String>, Vec<String>)> {
    let broker = broker()?;
    let (mut rows, mut wrong) = (Vec::new(), Vec::new());
    let mut users = 0..;
    let mut known: Vec<String> = Vec::new();
    for is_unkeyed in [false, true] {
        let rig = rig(&broker, Plan { partitions: 2, is_unkeyed, ..Plan::default() })?;
        let own = |text: &str| text.replace(&rig.group, "GROUP");
        let grants = printed_grants(&rig, &[])?;
        let everyone: Vec<String> = users.by_ref().take(grants.len() + 1).map(single).collect();
        give_all_but_one(&broker, &grants, &everyone)?;
        produce_failures(&rig, 1, 3)?;
        rig.produce(&[record("poison", Some(vec![0xff; 9]))])?;
        // Topics do not exist yet: first those rows that find it out.
        let mut order: Vec<_> = grants.iter().zip(&everyone).collect();
        order.sort_by_key(|(grant, _)| grant.operation != "Create");
        for (grant, user) in order {
            let name = own(&format!("{} {}", grant.operation, grant.resource.join(" ")));
            let name = name.replace(&rig.input, "INPUT").replace(&rig.export, "OUTPUT");
            let name = name.replace(&rig.dead_letters, "LETTERS");
            // The second time only what the re-key stage adds.
            if known.contains(&name) {
                continue;
            }
            let outcome = without(&broker, &rig, grant, user);
            let text = outcome.unwrap_or_else(|error| {
                wrong.push(format!("without {name}: {error:?}"));
                format!("NOT AS IT SHOULD BE: {error:#}")
            });
            rows.push(format!("without {name}: {}", own(&text)));
            known.push(name);
        }
        let all = everyone.last().context("nobody has all grants")?;
        let name = if is_unkeyed { "all of them, unkeyed" } else { "all of them, keyed" };
        let before = exported_spans(&rig)?;
        produce_failures(&rig, 11, 3)?;
        finished(connection(&broker, all).start(&rig, "run", UNTIL_IDLE)?)?;
        let spans = exported_spans(&rig)?;
        ensure!(spans == 6 && before <= 3, "{name}: expected 6 spans, got {spans} after {before}");
        rows.push(format!("with {name}: works"));
        if !is_unkeyed {
            let place = grants.iter().position(|grant| grant.resource[0] == "--transactional-id");
            let user = &everyone[place.context("no transactional ids are granted")?];
            let more = [UNTIL_IDLE, &["--set", "delivery=at_least_once"]].concat();
            produce_failures(&rig, 21, 3)?;
            finished(connection(&broker, user).start(&rig, "run", &more)?)?;
            let spans = exported_spans(&rig)?;
            ensure!(spans == 9, "at_least_once: expected 9 spans, got {spans}");
            rows.push("without transactional ids, at_least_once: works".to_owned());
        }
    }
    Ok((rows, wrong))
}

fn connection(broker: &SecureKafka, user: &str) -> Connection {
    Connection::plain(broker, user, PLAIN_PASSWORD)
}

/// Each user but the last lacks the grant of the same place.
fn give_all_but_one(
    broker: &SecureKafka,
    grants: &[Grant],
    users: &[String],
) -> anyhow::Result<()> {
    for (place, one) in grants.iter().enumerate() {
        let others = users.iter().enumerate().filter(|(number, _)| *number != place);
        let principals: Vec<_> = others.map(|(_, user)| format!("User:{user}")).collect();
        let principals: Vec<_> = principals.iter().map(String::as_str).collect();
        grant(broker, std::slice::from_ref(one), &principals)?;
    }
    Ok(())
}

/// What a process says that lacks the grant.
fn without(broker: &SecureKafka, rig: &Rig, grant: &Grant, user: &str) -> anyhow::Result<String> {
    let mut child = connection(broker, user).start(rig, "run", UNTIL_IDLE)?;
    let Grant { resource, operation, is_optional } = grant;
    let name = resource.get(1).context("a grant without a resource")?;
    let asked = |line: &str| {
        let names = [name, operation, "grant"].iter().all(|word| line.contains(*word));
        names && (*is_optional || line.contains(&format!("User:{user}")))
    };
    let said = |log: &str| log.lines().find(|line| asked(line)).map(str::to_owned);
    let mut ended = None;
    let line = eventually("it ends or says what is missing", SECONDS, || {
        ended = child.try_wait()?;
        Ok(ended.map(|_| error_line(&child)).or_else(|| said(&child.stderr())))
    })
    .with_context(|| child.stderr())?;
    if ended.is_some_and(|status| status.success()) {
        ensure!(is_optional, "it goes on without\n{}", child.stderr());
        return Ok("goes on".to_owned());
    }
    ensure!(asked(&line), "expected {name}, {operation}, {user} and a remedy in {line}");
    Ok(plain(&line))
}

/// A line of the log without what all lines have.
fn plain(line: &str) -> String {
    let Ok(Value::Object(event)) = serde_json::from_str::<Value>(line) else {
        return line.to_owned();
    };
    let all = ["timestamp", "level", "target", "span", "message"];
    let message = event.get("message").and_then(Value::as_str).unwrap_or_default();
    let own = event.iter().filter(|(field, _)| !all.contains(&field.as_str()));
    let own: Vec<_> = own.map(|(field, value)| format!("{field}={value}")).collect();
    format!("{message}: {}", own.join(" "))
}
