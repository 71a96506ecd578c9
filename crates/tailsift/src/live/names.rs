//! What policies are called, for people.

use std::sync::Arc;

/// The names of policies, as votes and as verdicts refer to them.
#[derive(Debug, Default)]
pub(crate) struct Names {
    /// Of those that judge, in configured order.
    voters: Vec<Arc<str>>,
    /// By the places that decisions name, which outlast the policies; `None` of those that never
    /// judged here.
    by_place: Vec<Option<Arc<str>>>,
}

impl Names {
    /// The first policies, whose places are those of their order.
    pub(crate) fn new<N: AsRef<str>>(names: &[N]) -> Self {
        let voters: Vec<Arc<str>> = names.iter().map(|name| name.as_ref().into()).collect();
        Self { by_place: voters.iter().cloned().map(Some).collect(), voters }
    }

    /// Others judge, with their places; `None` of those that have none.
    pub(crate) fn replace(&mut self, names: &[String], places: &[Option<u16>]) {
        self.voters = names.iter().map(|name| name.as_str().into()).collect();
        for (name, place) in self.voters.iter().zip(places) {
            let Some(place) = place.map(usize::from) else { continue };
            self.by_place.resize(self.by_place.len().max(place + 1), None);
            self.by_place[place] = Some(Arc::clone(name));
        }
    }

    pub(super) fn voters(&self) -> &[Arc<str>] {
        &self.voters
    }

    pub(super) fn at(&self, place: u16) -> Option<Arc<str>> {
        self.by_place.get(usize::from(place)).cloned().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_outlast_policies() {
        let mut names = Names::new(&["errors", "slow"]);
        let at = |names: &Names, place| names.at(place).map(|name| name.to_string());
        names.replace(&["slow".into(), "new".into(), "full".into()], &[Some(1), Some(4), None]);
        assert_eq!(
            names.voters().iter().map(|name| &**name).collect::<Vec<_>>(),
            ["slow", "new", "full"]
        );
        let all: Vec<_> = (0..6).map(|place| at(&names, place).unwrap_or_default()).collect();
        assert_eq!(all, ["errors", "slow", "", "", "new", ""]);
    }
}
