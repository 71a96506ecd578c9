//! A live load, the processes that work on it, and the judgement when it is over.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use tailsift_fixture::{AuditReport, AuditTarget, Comparison, Tailsift, audit, eventually};
use tailsift_kafka::Observer;

use crate::feed::Feed;
use crate::form::Form;
use crate::life::{Life, Watched};
use crate::policies::Policies;
use crate::rig::{Logged, PATIENCE, Plan, Record, Rig, THIS_BUILD, log_tail, now_ms};

/// The decision log may take so much of its input's bytes.
const LOG_RATIO_MAX: f64 = 0.02;

/// What came of a scenario.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) rounds: u32,
    pub(crate) traces: u64,
    pub(crate) comparison: Comparison,
    pub(crate) audit: AuditReport,
    /// Figures that are worth telling.
    pub(crate) notes: Vec<String>,
    /// Its traces have the size that the log's share is promised for.
    pub(crate) judges_size: bool,
    pub(crate) logs: String,
}

impl Outcome {
    /// Judges the export by what was expected, and audits the group.
    pub(crate) fn of(
        rig: &Rig,
        comparison: Comparison,
        traces: u64,
        began_late: bool,
    ) -> anyhow::Result<Self> {
        let decisions = format!("{}.decisions", rig.group);
        let audit = audit(AuditTarget {
            settings: &rig.settings,
            group: &rig.group,
            input: &rig.window_topic(),
            decisions: &decisions,
            began_late,
        })?;
        let (notes, logs) = (Vec::new(), String::new());
        Ok(Self { rounds: 1, traces, comparison, audit, notes, judges_size: false, logs })
    }

    /// Refuses anything but: each expected trace is visible, each span once, nothing else, the
    /// audit finds nothing and the log is small.
    pub(crate) fn ensure_right(&self) -> anyhow::Result<()> {
        let Self { comparison, audit, logs, .. } = self;
        ensure!(comparison.expected > 0, "nothing was to be kept: the scenario proves nothing");
        ensure!(comparison.is_exact(), "{comparison:?}\n{audit}\n{logs}");
        ensure!(audit.is_right() && audit.verdicts() > 0, "{audit}\n{logs}");
        let ratio = audit.log_ratio();
        ensure!(
            !self.judges_size || ratio <= LOG_RATIO_MAX,
            "expected a decision log of at most {LOG_RATIO_MAX} of its input, got {ratio:.4}\n{audit}"
        );
        Ok(())
    }
}

/// A scenario at work.
pub(crate) struct Stage {
    pub(crate) rig: Rig,
    /// Until it is closed.
    feed: Option<Feed>,
    members: Vec<Member>,
    arguments: Vec<String>,
    /// Of members that have ended.
    watched: Watched,
}

/// What a member does, and which build of the program it is.
#[derive(Debug, Clone)]
pub(crate) struct Post {
    pub(crate) binary: String,
    pub(crate) command: &'static str,
    pub(crate) arguments: &'static [&'static str],
}

impl Default for Post {
    fn default() -> Self {
        Self { binary: THIS_BUILD.to_owned(), command: "run", arguments: &[] }
    }
}

struct Member {
    life: Life,
    post: Post,
    /// Its `instance`, if its membership is static.
    instance: Option<String>,
}

/// Rig and load of a scenario: tests of the long form differ in the wait only.
pub(crate) fn plan(form: &Form) -> Plan {
    Plan { decision_wait: form.decision_wait, policies: Policies::Usual, ..Plan::default() }
}

/// Members that leave or die are noticed soon; producers may be late by a little.
pub(crate) const CLASSIC: &[&str] = &[
    "kafka.properties={session.timeout.ms: \"6000\", heartbeat.interval.ms: \"500\"}",
    "input.idle_grace=2s",
];

/// True if the re-key stage, where there is one, has committed all of the input.
fn is_rekeyed(rig: &Rig) -> anyhow::Result<bool> {
    if !rig.plan.is_unkeyed {
        return Ok(true);
    }
    let committed = rig.admin.committed_offsets(&format!("{}.rekey", rig.group), &rig.input)?;
    let committed: Vec<_> = committed.iter().map(|one| one.offset.unwrap_or(0)).collect();
    Ok(committed == rig.input_ends()?)
}

/// A record without a value for each partition: it holds no trace and moves the clock to now.
pub(crate) fn clocks(partitions: u32) -> anyhow::Result<Vec<Record>> {
    let clock = |partition| {
        let (timestamp_ms, headers) = (now_ms(), Vec::new());
        Record { key: None, value: None, partition, timestamp_ms, headers }
    };
    Ok((0..i32::try_from(partitions)?).map(clock).collect())
}

impl Stage {
    /// Starts the load. `settings` are `--set` arguments of every process.
    pub(crate) fn open(rig: Rig, form: &Form, settings: &[&str]) -> anyhow::Result<Self> {
        let set = settings.iter().flat_map(|setting| ["--set".to_owned(), (*setting).to_owned()]);
        let feed = Some(Feed::start(&rig, form)?);
        let (members, watched) = (Vec::new(), Watched::default());
        Ok(Self { rig, feed, members, arguments: set.collect(), watched })
    }

    /// Starts a member; its number.
    pub(crate) fn start(&mut self, instance: Option<String>) -> anyhow::Result<usize> {
        self.start_as(Post::default(), instance)
    }

    /// Starts a member of some kind; its number.
    pub(crate) fn start_as(
        &mut self,
        post: Post,
        instance: Option<String>,
    ) -> anyhow::Result<usize> {
        let life = self.spawn(&post, instance.as_deref())?;
        self.members.push(Member { life, post, instance });
        Ok(self.members.len() - 1)
    }

    /// Ends a member as a power cut would, and starts it again at once.
    pub(crate) fn kill_and_restart(&mut self, number: usize) -> anyhow::Result<()> {
        let Member { life, post, instance } = self.members.remove(number);
        self.watched.add(life.kill9()?);
        self.put_back(number, post, instance)
    }

    /// Starts a member again in its place.
    fn put_back(
        &mut self,
        number: usize,
        post: Post,
        instance: Option<String>,
    ) -> anyhow::Result<()> {
        let life = self.spawn(&post, instance.as_deref())?;
        self.members.insert(number, Member { life, post, instance });
        Ok(())
    }

    /// Asks a member to stop, and waits until it has; it is a member no more.
    pub(crate) fn stop(&mut self, number: usize) -> anyhow::Result<Logged> {
        let (logged, watched) = self.members.remove(number).life.stop()?;
        self.watched.add(watched);
        Ok(logged)
    }

    /// Asks a member to stop, and starts another build in its place when it has.
    pub(crate) fn replace(&mut self, number: usize, binary: &str) -> anyhow::Result<()> {
        binary.clone_into(&mut self.members[number].post.binary);
        self.stop_and_restart(number)
    }

    /// Asks a member to stop, and starts it again when it has.
    pub(crate) fn stop_and_restart(&mut self, number: usize) -> anyhow::Result<()> {
        let Member { life, post, instance } = self.members.remove(number);
        let (_, watched) = life.stop()?;
        self.watched.add(watched);
        self.put_back(number, post, instance)
    }

    pub(crate) fn member(&mut self, number: usize) -> &mut Tailsift {
        &mut self.members[number].life.child
    }

    pub(crate) fn members(&self) -> usize {
        self.members.len()
    }

    fn spawn(&self, post: &Post, instance: Option<&str>) -> anyhow::Result<Life> {
        let own = instance.map(|instance| format!("instance={instance}"));
        let mut arguments: Vec<&str> = self.arguments.iter().map(String::as_str).collect();
        arguments.extend(own.iter().flat_map(|own| ["--set", own.as_str()]));
        Life::of(&self.rig, &post.binary, post.command, &[&arguments, post.arguments])
    }

    /// Waits until every partition has committed more than it had.
    pub(crate) fn wait_for_progress(&mut self) -> anyhow::Result<()> {
        let mut before = None;
        self.watch("every partition commits more", 2 * PATIENCE, |rig| {
            let now = rig.committed()?;
            let before = before.get_or_insert_with(|| now.clone());
            Ok(now.iter().zip(before).all(|(now, before)| now > before))
        })
    }

    /// Waits until so many more records of the export are readable.
    pub(crate) fn wait_for_exports(&mut self, count: usize) -> anyhow::Result<()> {
        let wanted = self.rig.visible()? + i64::try_from(count)?;
        self.watch("more is exported", 2 * PATIENCE, |rig| Ok(rig.visible()? >= wanted))
    }

    /// Waits until so much time is over.
    pub(crate) fn wait_for(&mut self, time: Duration) -> anyhow::Result<()> {
        let since = Instant::now();
        self.watch("time passes", 2 * time + PATIENCE, |_| Ok(since.elapsed() >= time))
    }

    /// Waits for something while no process ends. That the broker does not answer is waited out.
    pub(crate) fn watch(
        &mut self,
        what: &str,
        patience: Duration,
        mut look: impl FnMut(&Rig) -> anyhow::Result<bool>,
    ) -> anyhow::Result<()> {
        let Self { rig, members, .. } = self;
        let mut unanswered = None;
        let result = eventually(what, patience, || {
            for (number, member) in members.iter_mut().enumerate() {
                let ended = member.life.child.try_wait()?;
                ensure!(ended.is_none(), "process {number} ended: {ended:?}");
                member.life.ensure_even().with_context(|| format!("process {number}"))?;
            }
            let answer = look(rig);
            let is_so = *answer.as_ref().unwrap_or(&false);
            unanswered = answer.err();
            Ok(is_so.then_some(()))
        });
        let result = result.with_context(|| format!("the last question: {unanswered:?}"));
        let state = |rig: &Rig| format!("{:?} of {:?}", rig.committed(), rig.input_ends());
        let result = result.with_context(|| format!("committed: {}", state(rig)));
        result.with_context(|| self.logs())
    }

    fn logs(&self) -> String {
        let tails = self.members.iter().enumerate().map(|(number, member)| {
            format!("--- process {number}:\n{}\n", log_tail(&member.life.child.stderr()))
        });
        tails.collect()
    }

    /// Ends the load, waits until all of it is decided, stops the processes, and judges.
    pub(crate) fn close(mut self, rounds: u32) -> anyhow::Result<Outcome> {
        let fed = self.feed.take().context("the stage is closed")?.finish()?;
        // Idle partitions' clocks wait for their grace: not for that is this made.
        self.wait_for(self.rig.plan.decision_wait + Duration::from_millis(100))?;
        self.rig.produce(&clocks(self.rig.plan.partitions)?)?;
        // Behind the last records that a stage has written there are markers.
        let mut observer = Observer::new(&self.rig.settings)?;
        self.watch("all of the input is committed", 2 * PATIENCE, |rig| {
            let ends = observer.end_offsets(&rig.window_topic(), PATIENCE)?;
            let ends: Vec<_> = ends.into_iter().map(|end| end.offset).collect();
            Ok(is_rekeyed(rig)? && rig.committed()? == ends)
        })?;
        let logs = self.logs();
        while self.members() > 0 {
            self.stop(0)?;
        }
        let comparison = self.rig.compare(&fed.expected)?;
        let outcome = Outcome::of(&self.rig, comparison, fed.traces, false);
        let outcome = outcome.with_context(|| logs.clone())?;
        let notes = vec![self.watched.note()?];
        Ok(Outcome { rounds, judges_size: true, logs, notes, ..outcome })
    }
}
