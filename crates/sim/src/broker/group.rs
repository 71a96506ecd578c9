//! The consumer group: members, generations, and partitions that move only once they were given
//! back, or once their member was given up.

use std::collections::{BTreeMap, BTreeSet};

use crate::random::Random;

/// What a member says of itself beside its offsets: group metadata. A client that has lost its
/// membership empties the fields one by one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Membership {
    pub(crate) member: Option<u64>,
    pub(crate) generation: Option<u64>,
}

impl Membership {
    pub(crate) const NONE: Self = Self { member: None, generation: None };

    pub(crate) fn is_whole(self) -> bool {
        self.member.is_some() && self.generation.is_some()
    }
}

#[derive(Debug)]
pub(crate) struct Group {
    partitions: i32,
    is_static: bool,
    pub(crate) generation: u64,
    /// Members and what each says that it holds.
    pub(crate) members: BTreeMap<u64, BTreeSet<i32>>,
    pub(crate) joined: BTreeSet<u64>,
    /// Static members by the name of their instance.
    instances: BTreeMap<usize, u64>,
    pub(crate) is_preparing: bool,
    pub(crate) target: BTreeMap<u64, BTreeSet<i32>>,
    ids: u64,
    /// The next assignment takes some partitions away from their members.
    stirred: bool,
}

impl Group {
    pub(crate) fn new(partitions: i32, is_static: bool) -> Self {
        Self {
            partitions,
            is_static,
            generation: 0,
            members: BTreeMap::new(),
            joined: BTreeSet::new(),
            instances: BTreeMap::new(),
            is_preparing: false,
            target: BTreeMap::new(),
            ids: 0,
            stirred: false,
        }
    }

    /// Whether offsets are taken from somebody who says this. Empty fields are not looked at,
    /// for the sake of old producers, unless an instance is named.
    pub(crate) fn accepts(&self, membership: Membership) -> bool {
        if membership == Membership::NONE && !self.is_static {
            return true;
        }
        self.has_member(membership)
    }

    /// Whether somebody who says this is a member of the group as it is now.
    pub(crate) fn has_member(&self, membership: Membership) -> bool {
        let is_member = membership.member.is_some_and(|id| self.members.contains_key(&id));
        is_member && membership.generation == Some(self.generation)
    }

    /// The group gives this partition to nobody else as far as it knows.
    pub(crate) fn is_owner(&self, membership: Membership, partition: i32) -> bool {
        let Some(id) = membership.member else { return false };
        let of = |map: &BTreeMap<u64, BTreeSet<i32>>| {
            map.get(&id).is_some_and(|held| held.contains(&partition))
        };
        of(&self.target) || of(&self.members)
    }

    /// Somebody joins, or joins again with what it holds.
    pub(crate) fn join(
        &mut self,
        member: Option<u64>,
        owned: &BTreeSet<i32>,
        instance: usize,
    ) -> u64 {
        let id = member.unwrap_or_else(|| {
            self.ids += 1;
            self.ids
        });
        if member.is_none() && self.is_static {
            let earlier = self.instances.insert(instance, id);
            let earlier = earlier.filter(|earlier| self.members.contains_key(earlier));
            if let Some(earlier) = earlier {
                let held = self.members.get(&earlier).cloned().unwrap_or_default();
                let target = self.target.get(&earlier).cloned().unwrap_or_default();
                if !self.is_preparing && held.is_subset(&target) {
                    // Started again in time: same place, same generation, nothing moves.
                    self.members.remove(&earlier);
                    self.target.remove(&earlier);
                    self.members.insert(id, held);
                    self.target.insert(id, target);
                    return id;
                }
                self.kick(earlier);
            }
        }
        self.members.insert(id, owned.clone());
        self.joined.insert(id);
        self.is_preparing = true;
        id
    }

    /// True if another process has taken the instance's place since.
    pub(crate) fn is_fenced(&self, member: u64, instance: usize) -> bool {
        let now = self.instances.get(&instance);
        self.is_static && now.is_some_and(|now| *now > member && self.members.contains_key(now))
    }

    pub(crate) fn kick(&mut self, member: u64) {
        if self.members.remove(&member).is_some() {
            self.joined.remove(&member);
            self.target.remove(&member);
            self.is_preparing = true;
        }
    }

    /// Partitions are to move.
    pub(crate) fn stir(&mut self) {
        self.is_preparing = true;
        self.stirred = true;
    }

    pub(crate) fn empty(&mut self) {
        for member in self.members.keys().copied().collect::<Vec<_>>() {
            self.kick(member);
        }
    }

    /// Once all have joined, each learns what it may hold.
    pub(crate) fn step(&mut self, random: &mut Random) {
        let all_joined = self.members.keys().all(|member| self.joined.contains(member));
        if !self.is_preparing || !all_joined {
            return;
        }
        self.is_preparing = false;
        self.joined.clear();
        self.generation += 1;
        let stirred = std::mem::take(&mut self.stirred);
        let ids: Vec<u64> = self.members.keys().copied().collect();
        if ids.is_empty() {
            return;
        }
        let share = (self.partitions as usize).div_ceil(ids.len());
        let mut claimed: BTreeSet<i32> = BTreeSet::new();
        let mut target: BTreeMap<u64, BTreeSet<i32>> = BTreeMap::new();
        for (id, held) in &self.members {
            claimed.extend(held);
            // The rest must first be given back.
            let kept = held.iter().take(share).filter(|_| !stirred || random.chance(500));
            target.insert(*id, kept.copied().collect());
        }
        for partition in (0..self.partitions).filter(|partition| !claimed.contains(partition)) {
            let any = random.below(ids.len());
            let roomy = |id: &&u64| target.get(*id).is_none_or(|held| held.len() < share);
            let to = ids[any..].iter().chain(&ids[..any]).find(roomy).unwrap_or(&ids[any]);
            target.entry(*to).or_default().insert(partition);
        }
        self.target = target;
    }
}
