//! The consumer client's own thread: it learns of generations and losses before the worker's
//! callbacks run.

use std::collections::BTreeSet;

use crate::broker::{Group, Membership};

/// What the client has to tell the worker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Callback {
    pub(crate) kind: CallbackKind,
    pub(crate) partitions: BTreeSet<i32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CallbackKind {
    Assigned,
    Revoked,
    Lost,
}

#[derive(Debug)]
pub(crate) struct Client {
    /// The name of its instance.
    instance: usize,
    membership: Membership,
    owned: BTreeSet<i32>,
    pub(crate) callbacks: Vec<Callback>,
    joins_again: bool,
    /// Another process has its instance's name: nothing is left to do.
    pub(crate) fenced: bool,
}

impl Client {
    pub(crate) fn new(instance: usize) -> Self {
        Self {
            instance,
            membership: Membership::NONE,
            owned: BTreeSet::new(),
            callbacks: Vec::new(),
            joins_again: false,
            fenced: false,
        }
    }

    pub(crate) fn membership(&self) -> Membership {
        self.membership
    }

    /// Heartbeats, joins and synchronises.
    pub(crate) fn step(&mut self, group: &mut Group) {
        let lost = self.membership.member.filter(|member| !group.members.contains_key(member));
        if let Some(member) = lost {
            self.fenced = group.is_fenced(member, self.instance);
            self.membership.member = None;
            let partitions = self.owned.clone();
            self.callbacks = vec![Callback { kind: CallbackKind::Lost, partitions }];
            return;
        }
        let Some(member) = self.membership.member else {
            // A client that has lost its membership empties its fields one by one.
            let had = self.membership.generation.take();
            if had.is_none() && self.callbacks.is_empty() && !self.fenced {
                self.membership.member = Some(group.join(None, &BTreeSet::new(), self.instance));
            }
            return;
        };
        if !self.callbacks.is_empty() {
            return;
        }
        if (group.is_preparing || self.joins_again) && !group.joined.contains(&member) {
            self.joins_again = false;
            group.join(Some(member), &self.owned, self.instance);
        } else if !group.is_preparing
            && self.membership.generation != Some(group.generation)
            && let Some(target) = group.target.get(&member).cloned()
        {
            self.membership.generation = Some(group.generation);
            self.learn(&target);
        }
    }

    fn learn(&mut self, target: &BTreeSet<i32>) {
        let gone: BTreeSet<i32> = self.owned.difference(target).copied().collect();
        let came: BTreeSet<i32> = target.difference(&self.owned).copied().collect();
        self.owned.extend(&came);
        let of = |kind, partitions: BTreeSet<i32>| Callback { kind, partitions };
        let news = [of(CallbackKind::Revoked, gone), of(CallbackKind::Assigned, came)];
        self.callbacks.extend(news.into_iter().filter(|news| !news.partitions.is_empty()));
    }

    /// The worker has served a callback, unless the client has thought better of it meanwhile.
    pub(crate) fn served(&mut self, callback: &Callback) {
        self.callbacks.retain(|other| other != callback);
        if callback.kind != CallbackKind::Assigned {
            self.owned.retain(|partition| !callback.partitions.contains(partition));
            self.joins_again = self.membership.member.is_some();
        }
    }
}
