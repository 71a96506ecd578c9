//! `tailsift backtest`: policies tried on what the topic still holds.

mod args;
mod difference;
mod replay;
mod tally;
mod tell;

use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::anyhow;
use tailsift_config::Config;
use tailsift_policy::PolicySet;

use crate::app::client_settings;
use crate::command::{import_whole, load};
use crate::past::{Past, Progress, threads};
use crate::worker::wall_now;
use args::Against;
pub(crate) use args::BacktestArgs;
use difference::{Difference, Recorded};
use replay::{Judges, Replay};
use tally::Tally;

/// What came of it.
struct Report {
    topic: String,
    partitions: i32,
    since_ms: Option<i64>,
    took: Duration,
    policies: Arc<PolicySet>,
    tally: Tally,
    against: Option<(String, Difference)>,
}

/// Runs the policies over the topic and tells what they would keep.
pub(crate) fn backtest(args: &BacktestArgs) -> anyhow::Result<ExitCode> {
    let config = load(&args.file.config, &args.file.overrides)?;
    let report = match &args.tail_sampling {
        Some(path) => {
            let import = import_whole(path, args.processor.as_deref())?;
            report(&config, &import.config, args)?
        }
        None => report(&config, &config, args)?,
    };
    let mut out = std::io::stdout().lock();
    match args.format {
        args::Format::Json => writeln!(out, "{:#}", tell::json(&report))?,
        args::Format::Text => tell::text(&mut out, &report)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// What comes of the policies of `tried` on the topic of `config`.
fn report(config: &Config, tried: &Config, args: &BacktestArgs) -> anyhow::Result<Report> {
    let began = Instant::now();
    let ms = |time: Duration| i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
    let since_ms = args.since.map(|since| wall_now().0.saturating_sub(ms(since)));
    let other = match &args.against {
        Some(Against::File(path)) => Some(load(path, &[])?),
        Some(Against::Decisions) | None => None,
    };
    let waits = [Some(tried), other.as_ref()].into_iter().flatten();
    let longest = waits.map(|config| config.window.decision_wait).max().unwrap_or_default();
    // What began before the time that is asked for is not whole: it is read to know it again.
    let from_ms = since_ms.map(|since| since.saturating_sub(ms(longest)));
    let topic = config.window_topic();
    let past = Past::of(&client_settings(config), topic, from_ms)?.ok_or_else(|| {
        anyhow!("input.topic: topic {topic:?} does not exist at {}", config.kafka.bootstrap_servers)
    })?;
    let recorded = match &args.against {
        Some(Against::Decisions) => Some(Recorded::read(config, from_ms)?),
        Some(Against::File(_)) | None => None,
    };
    let threads = threads().min(past.ranges().len()).max(1);
    let judges = Judges {
        source: config,
        here: tried,
        there: other.as_ref(),
        recorded: recorded.as_ref(),
        since_ms,
        threads,
        partitions: past.partitions(),
    };
    let progress = Progress::new("judging", past.offsets());
    let replays = (0..threads).map(|number| judges.replay(&past.share(number, threads)));
    let replays = past.read(replays.collect(), &progress, Replay::take)?;
    drop(progress);
    let policies: Arc<PolicySet> = tried.policy_set().into();
    let mut tally = Tally::new(policies.names().len());
    let mut difference = Difference::default();
    for replay in replays {
        let (tallied, differs) = replay.finish();
        tally.add(&tallied);
        difference.add(differs);
    }
    let against = args.against.as_ref().map(|against| (against.to_string(), difference));
    let (partitions, took) = (past.partitions(), began.elapsed());
    let topic = topic.to_owned();
    Ok(Report { topic, partitions, since_ms, took, policies, tally, against })
}
