//! How much a process can do: what it drains of a backlog.

use std::io::Write;
use std::time::{Duration, Instant};

use anyhow::ensure;
use tailsift_fixture::{LoadShape, LoadSpec};
use tailsift_kafka::Admin;

use super::member::{Program, reads};
use super::{PARTITIONS, PATIENCE, Soak, export_of, letters_of};
use crate::cluster::{Cluster, now_ms};

const TOPIC: &str = "backlog";
const TRACES: u32 = 50_000;
/// It ends once it has had nothing to do for so long.
const IDLE: Duration = Duration::from_secs(2);

impl Soak {
    /// Half of the spans a second that one process drains, with the broker beside it.
    pub(super) fn half_of_the_most(
        &self,
        program: &Program<'_>,
        cluster: &Cluster,
        admin: &Admin,
        out: &mut dyn Write,
    ) -> anyhow::Result<u32> {
        let spec = LoadSpec {
            traces: TRACES,
            shape: LoadShape::Keyed,
            seed: self.seed,
            partitions: PARTITIONS,
            // All traces have waited long enough when they are read.
            end_ms: now_ms() - 60_000,
            ..LoadSpec::default()
        };
        let spans = cluster.write(TOPIC, PARTITIONS, spec.records())?.spans();
        let topics = [TOPIC.to_owned(), export_of(TOPIC), letters_of(TOPIC)];
        for topic in &topics[1..] {
            cluster.make_topic_of_large_records(topic, PARTITIONS)?;
        }
        let idle = format!("--exit-when-idle={}s", IDLE.as_secs());
        let mut process = program.spawn(TOPIC, &[&idle])?;
        process.wait_for_stderr("it reads", PATIENCE, reads)?;
        let began = Instant::now();
        let status = process.wait(PATIENCE)?;
        ensure!(status.success(), "tailsift: {status}\n{}", process.stderr());
        let time = began.elapsed().saturating_sub(IDLE);
        for topic in &topics {
            admin.delete_topic(topic)?;
        }
        let most = spans as f64 / time.as_secs_f64().max(0.1);
        writeln!(out, "a backlog of {spans} spans was drained in {time:.1?}: {most:.0} spans/s")?;
        Ok((most / 2.0) as u32)
    }
}
