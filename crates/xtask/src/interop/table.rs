//! The table that is printed.

use std::io::Write;

use super::form::Form;
use super::judge::Judged;

/// What became of the records of one form.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row {
    pub(super) form: Form,
    /// By the first Collector, held against all that it was sent.
    pub(super) written: Judged,
    /// By tailsift, held against what is to be kept, as is the last one.
    pub(super) exported: Judged,
    /// By the second Collector, from tailsift's exports.
    pub(super) read: Judged,
}

impl Row {
    pub(super) fn is_exact(&self) -> bool {
        [self.written, self.exported, self.read].iter().all(|judged| judged.comparison.is_exact())
    }
}

/// A table in Markdown.
pub(super) fn write(out: &mut dyn Write, rows: &[Row]) -> std::io::Result<()> {
    writeln!(
        out,
        "| written by a Collector | records | traces | traces to keep | written | exported by tailsift | read back by a Collector |"
    )?;
    writeln!(out, "| --- | --: | --: | --: | --- | --- | --- |")?;
    for row in rows {
        let Row { form, written, exported, read } = row;
        writeln!(
            out,
            "| {} | {} | {} | {} | {} | {} | {} |",
            form.title(),
            written.records,
            written.comparison.expected,
            exported.comparison.expected,
            written.comparison,
            exported.comparison,
            read.comparison
        )?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use tailsift_fixture::Comparison;

    use super::*;

    #[test]
    fn one_wrong_cell_is_enough() {
        let right = Judged {
            records: 7,
            comparison: Comparison { expected: 5, complete: 5, ..Comparison::default() },
        };
        let wrong = Judged {
            comparison: Comparison { complete: 4, missing: 1, ..right.comparison },
            ..right
        };
        let all = Row { form: Form::Json, written: right, exported: right, read: right };
        for (row, is_exact) in [
            (all, true),
            (Row { written: wrong, ..all }, false),
            (Row { exported: wrong, ..all }, false),
            (Row { read: wrong, ..all }, false),
        ] {
            assert_eq!(row.is_exact(), is_exact);
        }
        let mut out = Vec::new();
        write(&mut out, &[Row { read: wrong, ..all }]).unwrap();
        let text = String::from_utf8(out).unwrap();
        let line = text.lines().last().unwrap();
        let cells: Vec<_> = line.split('|').map(str::trim).collect();
        let whole = "all 5 whole, no other, none twice";
        let missing = "of 5: 4 whole, 0 partial, 1 missing, 0 repeated; 0 unexpected";
        let expected = ["", "otlp_json, no keys", "7", "5", "5", whole, whole, missing, ""];
        assert_eq!(cells, expected, "{text}");
    }
}
