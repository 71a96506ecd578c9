//! What divan prints, read back.

/// A bench's medians, for each of the items that it counts.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Measured {
    /// Binary, bench and argument.
    pub(super) name: String,
    pub(super) nanos: f64,
    /// `None` if it counts none.
    pub(super) bytes: Option<f64>,
    /// Allocations made, and those that grew.
    pub(super) allocations: f64,
    /// The most that was allocated at a time and not freed, of what the bench itself allocated.
    pub(super) heap_bytes_max: f64,
}

/// Reads it line by line: a tree of names on the left, and beside each leaf, and below it, columns
/// of which the third is the median.
#[derive(Debug, Default)]
pub(super) struct Reader {
    path: Vec<String>,
    leaves: Vec<Leaf>,
    block: Block,
}

#[derive(Debug, Default)]
struct Leaf {
    name: String,
    seconds: f64,
    items_per_second: Option<f64>,
    bytes_per_second: Option<f64>,
    allocations: f64,
    heap_bytes_max: f64,
}

/// Two lines follow its heading: a count and a size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Block {
    #[default]
    None,
    /// The most at a time, of which `true`: the count was read.
    Max(bool),
    /// All that were made or grew, whose count is still to come.
    Allocations,
    /// What is not looked at.
    Other,
}

const COLUMNS: usize = 6;
const MEDIAN: usize = 2;

impl Reader {
    pub(super) fn line(&mut self, line: &str) {
        let mut cells: Vec<&str> = line.rsplitn(COLUMNS, '│').map(str::trim).collect();
        if cells.len() < COLUMNS {
            return;
        }
        cells.reverse();
        let median = cells[MEDIAN];
        let Some((tree, named)) = line.split_once("─ ") else {
            self.beside(cells[0].trim_start_matches([' ', '│']), median);
            return;
        };
        let name = named.split("  ").next().unwrap_or_default();
        // A branch is three characters wide, this one's last two were split off.
        self.path.truncate(tree.chars().count() / 3 + 1);
        self.path.push(name.trim().to_owned());
        if let Some(seconds) = quantity(median, "s") {
            self.block = Block::None;
            self.leaves.push(Leaf { name: self.path.join(" "), seconds, ..Leaf::default() });
        }
    }

    /// A line without a branch: a binary's heading, or one more of the last leaf's.
    fn beside(&mut self, first: &str, median: &str) {
        if median == "median" {
            self.path = first.split("  ").take(1).map(|name| name.trim().to_owned()).collect();
            return;
        }
        let Some(leaf) = self.leaves.last_mut() else { return };
        self.block = match (first, self.block) {
            ("max alloc:", _) => Block::Max(false),
            ("alloc:" | "grow:", _) => Block::Allocations,
            (heading, _) if heading.ends_with(':') => Block::Other,
            (_, Block::None) => {
                leaf.items_per_second = leaf.items_per_second.or(quantity(median, "item/s"));
                leaf.bytes_per_second = leaf.bytes_per_second.or(quantity(median, "B/s"));
                Block::None
            }
            (_, Block::Max(false)) => Block::Max(true),
            (_, Block::Max(true)) => {
                leaf.heap_bytes_max = quantity(median, "B").unwrap_or_default();
                Block::Other
            }
            (_, Block::Allocations) => {
                leaf.allocations += median.parse().unwrap_or(0.0);
                Block::Other
            }
            (_, Block::Other) => Block::Other,
        };
    }

    /// All that count something.
    pub(super) fn finish(self) -> Vec<Measured> {
        self.leaves.into_iter().filter_map(Leaf::measured).collect()
    }
}

impl Leaf {
    fn measured(self) -> Option<Measured> {
        let per_second = self.items_per_second.filter(|items| *items > 0.0)?;
        let items = per_second * self.seconds;
        Some(Measured {
            name: self.name,
            nanos: 1e9 / per_second,
            bytes: self.bytes_per_second.map(|bytes| bytes / per_second),
            allocations: self.allocations / items,
            heap_bytes_max: self.heap_bytes_max / items,
        })
    }
}

/// A number and its unit, which has a prefix; in units without one.
fn quantity(text: &str, unit: &str) -> Option<f64> {
    let (number, prefixed) = text.split_once(' ')?;
    let scale = match prefixed.strip_suffix(unit)? {
        "n" => 1e-9,
        "µ" => 1e-6,
        "m" => 1e-3,
        "" => 1.0,
        "K" => 1e3,
        "M" => 1e6,
        "G" => 1e9,
        "T" => 1e12,
        _ => return None,
    };
    Some(number.parse::<f64>().ok()? * scale)
}
