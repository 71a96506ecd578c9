//! Each record that nobody can read has one dead letter, at least once or more, and holds up nothing.

use std::collections::BTreeMap;

use crate::broker::Broker;
use crate::checker::Commitment;
use crate::checker::history::History;
use crate::event::Violation;

#[derive(Debug, Default)]
pub(crate) struct Letters {
    written: BTreeMap<(i32, i64), usize>,
}

impl Letters {
    pub(crate) fn check(&mut self, commitment: &Commitment<'_>) -> Result<(), Violation> {
        for letter in &commitment.letters {
            let times = self.written.entry(*letter).or_default();
            *times += 1;
            if *times > 1 {
                return odd(format!("the record at {letter:?} has {times} letters"));
            }
        }
        Ok(())
    }

    /// One was written, and may have been before.
    pub(crate) fn note(&mut self, letter: (i32, i64)) {
        *self.written.entry(letter).or_default() += 1;
    }

    pub(crate) fn has(&self, partition: i32, offset: i64) -> bool {
        self.written.contains_key(&(partition, offset))
    }

    pub(crate) fn check_end(&self, history: &History, broker: &Broker) -> Result<(), Violation> {
        if history.has_refused() {
            return Ok(());
        }
        for (partition, log) in broker.input.logs.iter().enumerate() {
            let partition = partition as i32;
            for record in log.iter().filter(|record| record.spans.is_none()) {
                if !self.has(partition, record.offset) {
                    let offset = record.offset;
                    return odd(format!("no letter for {offset} of partition {partition}"));
                }
            }
            let end = broker.end_offset(partition);
            let last = history.last.get(&partition).and_then(|last| last.at);
            if end > 0 && last.is_none_or(|last| last.offset != end) {
                return odd(format!("partition {partition} ends at {end}, committed is {last:?}"));
            }
        }
        Ok(())
    }
}

fn odd(text: String) -> Result<(), Violation> {
    Err(Violation { invariant: "letters", text })
}
