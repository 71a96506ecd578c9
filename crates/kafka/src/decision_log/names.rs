//! Policies are recorded by name, since their places change with the configuration.

use std::collections::BTreeMap;

/// Policy names by their place: the configured ones in their order, then those that were met in
/// the decision log and are configured no longer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyNames {
    names: Vec<String>,
    /// Of a name that is there twice, the first place.
    places: BTreeMap<String, u16>,
    configured: usize,
}

impl PolicyNames {
    /// A `u16` counts them.
    const COUNT_MAX: usize = 1 << 16;

    /// A table of the configured names, of which the first 65,536 are taken.
    pub fn new<N: Into<String>>(configured: impl IntoIterator<Item = N>) -> Self {
        let names: Vec<String> =
            configured.into_iter().take(Self::COUNT_MAX).map(Into::into).collect();
        let mut places = BTreeMap::new();
        for (place, name) in (0..=u16::MAX).zip(&names) {
            places.entry(name.clone()).or_insert(place);
        }
        Self { configured: names.len(), names, places }
    }

    /// The place of a name, which is appended if it is new; `None` if the table is full.
    pub fn intern(&mut self, name: &str) -> Option<u16> {
        if let Some(place) = self.places.get(name) {
            return Some(*place);
        }
        let place = u16::try_from(self.names.len()).ok()?;
        self.names.push(name.to_owned());
        self.places.insert(name.to_owned(), place);
        Some(place)
    }

    /// The name at a place.
    pub fn name(&self, index: u16) -> Option<&str> {
        self.names.get(usize::from(index)).map(String::as_str)
    }

    /// How many were configured at first: the places below this.
    pub fn configured(&self) -> usize {
        self.configured
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_not_configured_are_appended() {
        let mut names = PolicyNames::new(["errors", "slow"]);
        assert_eq!(names.intern("slow"), Some(1));
        assert_eq!(names.intern("gone"), Some(2));
        assert_eq!(names.intern("gone"), Some(2));
        assert_eq!((names.name(2), names.name(3)), (Some("gone"), None));
        assert_eq!(names.configured(), 2);
    }

    #[test]
    fn a_name_that_is_there_twice_has_its_first_place() {
        let mut names = PolicyNames::new(["a", "b", "a"]);
        assert_eq!((names.intern("a"), names.name(2)), (Some(0), Some("a")));
    }

    #[test]
    fn a_full_table_takes_no_more() {
        let mut names = PolicyNames::new((0..70_000).map(|number| number.to_string()));
        assert_eq!(names.configured(), 65_536);
        assert_eq!(names.intern("65535"), Some(u16::MAX));
        assert_eq!(names.intern("65536"), None);
    }
}
