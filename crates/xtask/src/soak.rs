//! `cargo xtask soak`: a long run under load, with everything that happens in one.

use std::io::Write;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use clap::Args;
use tailsift_fixture::{Comparison, KafkaBroker, KafkaUnavailable, NamedPolicy};
use tailsift_kafka::{Admin, Isolation, TopicPlan};

use crate::cluster::Cluster;
use crate::repository::{cargo, root};

use exports::{Exports, count_records};
use feed::{Fed, Feed, spec};
use member::{Lived, Member, Program};

mod backlog;
mod exports;
mod feed;
mod member;
mod slope;
mod table;

/// The topic that the load goes to, and the name of the group that reads it.
const INPUT: &str = "soaked";
const PARTITIONS: u32 = 8;
/// What the policies of `config/peers.yaml` are to the reference.
const POLICIES: &str = "error,latency=500,confidence=0.5";
/// A second member joins or leaves in the middle of every minute.
const CHANGE_EVERY: Duration = Duration::from_secs(60);
const FIRST_CHANGE: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// For anything that should take a moment.
const PATIENCE: Duration = Duration::from_secs(120);
/// Verdicts are remembered for a minute: memory grows until the first are forgotten. Of short runs
/// it is the first quarter.
const WARM_UP: Duration = Duration::from_secs(120);
/// The exit code where there is no Kafka, as test harnesses have it.
const SKIPPED: u8 = 77;
/// Records are kept for three minutes, in small files: more than second chances look back.
const BOUNDED: [(&str, &str); 4] = [
    ("max.message.bytes", "2000000"),
    ("retention.ms", "180000"),
    ("segment.bytes", "16777216"),
    ("segment.ms", "60000"),
];
/// Brokers look for old files every five minutes, unless told otherwise.
const BROKER: &str = "log.retention.check.interval.ms=10000\nlog.segment.delete.delay.ms=1000\n";

/// Has tailsift follow a live load on a Kafka of its own, with late spans, huge traces, traces that
/// never end and records that nobody can read, while a second member joins and leaves every minute.
/// Holds the figures of each process against the law of conservation every second, and the export
/// against the input in the end; prints how memory went. Topics hold three minutes. Fails at the
/// first violation; exit code 77 where there is no Kafka
#[derive(Debug, Args)]
pub(crate) struct Soak {
    /// How long the load goes on; IDs and hashes of what was exported are held until the end
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=240))]
    minutes: u32,
    /// Spans a second, beside what is strewn in [default: half of what drains from a backlog here]
    #[arg(long, value_name = "SPANS/S", value_parser = clap::value_parser!(u32).range(12..=1_000_000))]
    rate: Option<u32>,
    /// What the load is drawn from
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Another setting of tailsift's, as KEY=VALUE; may be repeated
    #[arg(long = "set", value_name = "KEY=VALUE")]
    overrides: Vec<String>,
    /// Build with optimisations: for what is measured
    #[arg(long)]
    release: bool,
}

/// What came of it.
struct Soaked {
    rate: u32,
    first: Lived,
    /// Of all lives of the second member.
    second: Lived,
    fed: Fed,
    export: Comparison,
    letters: u64,
    took: Duration,
    warm_up: Duration,
}

impl Soaked {
    fn is_right(&self) -> bool {
        self.export.expected > 0 && self.export.is_exact() && self.letters == self.fed.unreadable
    }
}

impl Soak {
    pub(crate) fn run(&self, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
        let profile = if self.release { "release" } else { "debug" };
        let more = if self.release { &["--release"][..] } else { &[] };
        cargo(&[&["build", "-p", "tailsift"], more].concat(), &[])?;
        let binary = root().join("target").join(profile).join("tailsift");
        let kafka = match KafkaBroker::start_with("soak", BROKER) {
            Ok(kafka) => kafka,
            Err(error) if error.is::<KafkaUnavailable>() => {
                writeln!(out, "skipped: {error:#}")?;
                return Ok(ExitCode::from(SKIPPED));
            }
            Err(error) => return Err(error),
        };
        let cluster = Cluster::at(&kafka.bootstrap_servers());
        let admin = Admin::new(&cluster.settings())?;
        let bootstrap = kafka.bootstrap_servers();
        let overrides = &self.overrides;
        let program = Program { binary: &binary, bootstrap: &bootstrap, overrides };
        let rate = match self.rate {
            Some(rate) => rate,
            None => self.half_of_the_most(&program, &cluster, &admin, out)?,
        };
        make_topics(&admin)?;
        let soaked = self.soak(&program, rate, &cluster, &admin)?;
        table::write(out, self, &soaked)?;
        let is_right = soaked.is_right();
        writeln!(out, "\n{}", if is_right { "all right" } else { "NOT RIGHT" })?;
        Ok(if is_right { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    fn soak(
        &self,
        program: &Program<'_>,
        rate: u32,
        cluster: &Cluster,
        admin: &Admin,
    ) -> anyhow::Result<Soaked> {
        let policies: Vec<NamedPolicy> =
            POLICIES.split(',').map(str::parse).collect::<Result<_, _>>()?;
        let length = Duration::from_secs(u64::from(self.minutes) * 60);
        let warm_up = WARM_UP.min(length / 4);
        let exports = Exports::follow(&cluster.settings(), &export_of(INPUT))?;
        let mut first = Member::start(program)?;
        first.wait_until_it_reads(PATIENCE)?;
        let feed = Feed::start(cluster, policies, spec(rate, self.seed, length)?)?;
        let began = Instant::now();
        let mut second: Option<Member> = None;
        let mut second_lives = Lived::default();
        let mut change = FIRST_CHANGE;
        while !feed.is_finished() {
            std::thread::sleep(LOOK_EVERY);
            first.look()?;
            if let Some(second) = &mut second {
                second.look().context("the second member")?;
            }
            exports.ensure_running()?;
            if began.elapsed() < change {
                continue;
            }
            change += CHANGE_EVERY;
            match second.take() {
                Some(member) => second_lives.add(&member.stop(warm_up)?),
                None => second = Some(Member::start(program)?),
            }
        }
        let fed = feed.finish()?;
        wait_until_committed(admin, || {
            first.look()?;
            second.as_mut().map_or(Ok(()), Member::look)
        })?;
        if let Some(member) = second {
            second_lives.add(&member.stop(warm_up)?);
        }
        let first = first.stop(warm_up)?;
        let export = exports.finish(&cluster.settings())?.compare(&fed.expected);
        let letters = count_records(&cluster.settings(), &letters_of(INPUT))?;
        let took = began.elapsed();
        Ok(Soaked { rate, first, second: second_lives, fed, export, letters, took, warm_up })
    }
}

fn export_of(topic: &str) -> String {
    format!("{topic}.kept")
}

fn letters_of(topic: &str) -> String {
    format!("{topic}.letters")
}

/// Dead letters are few and small: they stay to be counted.
fn make_topics(admin: &Admin) -> anyhow::Result<()> {
    let input = INPUT.to_owned();
    let bounded = [(input, &BOUNDED[..]), (export_of(INPUT), &BOUNDED), (letters_of(INPUT), &[])];
    for (name, configs) in bounded {
        let configs = configs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        admin.ensure(&TopicPlan {
            name,
            partitions: i32::try_from(PARTITIONS)?,
            configs: configs.collect(),
            ..TopicPlan::default()
        })?;
    }
    Ok(())
}

/// Waits until all of the input is decided and exported.
fn wait_until_committed(
    admin: &Admin,
    mut look: impl FnMut() -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let deadline = Instant::now() + PATIENCE;
    let ends = admin.end_offsets(INPUT, Isolation::Uncommitted)?;
    let ends: i64 = ends.iter().map(|end| end.offset).sum();
    loop {
        look()?;
        let committed = admin.committed_offsets(INPUT, INPUT)?;
        let committed: i64 = committed.iter().filter_map(|one| one.offset).sum();
        if committed == ends {
            return Ok(());
        }
        ensure!(
            Instant::now() < deadline,
            "expected all of the input to be committed within {PATIENCE:?}, got {committed} of {ends}"
        );
        std::thread::sleep(LOOK_EVERY);
    }
}
