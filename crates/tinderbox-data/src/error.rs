use std::io;
use std::path::{Path, PathBuf};

use tinderbox_core::{WriteError, nearest};

/// Errors about data. Every message says what, where and what to do next.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// Batches that several ranks cannot divide among them.
    #[error(
        "the batches of the {which} data cannot be divided among several ranks; implement `Batches::share` for \
         them, or train with one rank"
    )]
    Indivisible {
        /// Training or validation data.
        which: &'static str,
    },
    /// There are no rows.
    #[error(
        "the data set {what} has no rows; check the path, the filter or the split that made it"
    )]
    Empty {
        /// What was empty.
        what: String,
    },
    /// A tokenizer file that cannot be read, or a text that it cannot split.
    #[error("{}: {problem}; a tokenizer.json of Hugging Face is expected", path.display())]
    Tokenizer {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// A buffer whose length is not a multiple of the row width.
    #[error(
        "{length} numbers cannot be cut into rows of {width}; the length must be a multiple of the width, and the width at least 1"
    )]
    Ragged {
        /// Numbers in the buffer.
        length: usize,
        /// Numbers in a row.
        width: usize,
    },
    /// Features and targets have different numbers of rows.
    #[error(
        "{features} rows of features but {targets} rows of targets; both must describe the same examples, in the same order"
    )]
    RowsDiffer {
        /// Rows of features.
        features: usize,
        /// Rows of targets.
        targets: usize,
    },
    /// A class label that is out of range.
    #[error(
        "row {} (counted from 1): label {label}, but there are {classes} classes; labels start at 0 and are below the number of classes",
        row + 1
    )]
    Label {
        /// Index of the row, counted from 0; the message counts rows from 1.
        row: usize,
        /// The label found.
        label: i64,
        /// Number of classes.
        classes: usize,
    },
    /// Text, or settings for it, that make no tokens or no batches.
    #[error("text: {problem}")]
    Text {
        /// What is wrong, and what to do.
        problem: String,
    },
    /// The thread that gathers batches ahead ended before the epoch did.
    #[error(
        "the thread that prepares batches ended early; run again with prefetch 0 to see the cause"
    )]
    WorkerEnded,
    /// A batch size that makes no batch.
    #[error(
        "batch size {batch_size} with {examples} examples; use a batch size from 1 to {examples}"
    )]
    BatchSize {
        /// The batch size.
        batch_size: usize,
        /// Examples in the data set.
        examples: usize,
    },
    /// Parts of a stream that do not divide its batches.
    #[error(
        "{parts} parts for batches of {batch_size} rows; the number of parts must divide the batch size"
    )]
    Parts {
        /// The number of parts.
        parts: usize,
        /// The batch size.
        batch_size: usize,
    },
    /// Weights of examples that cannot be used for sampling.
    #[error("weights of examples: {problem}")]
    Weights {
        /// What is wrong, and what to do.
        problem: String,
    },
    /// A file or folder that cannot be opened or read.
    #[error("cannot read {}: {source}; check the path and that you may read it", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// A file whose content does not fit its name or the options.
    #[error("{}: {problem}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong, and what to do.
        problem: String,
    },
    /// A line of a text file that cannot be used.
    #[error("{}, line {line}: {problem}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// Line, counted from 1 as editors do.
        line: usize,
        /// What is wrong, and what to do.
        problem: String,
    },
    /// A cell of a text file that does not fit its column.
    #[error("{}, line {line}, column \"{column}\": {problem}", path.display())]
    Cell {
        /// The file.
        path: PathBuf,
        /// Line, counted from 1 as editors do.
        line: usize,
        /// Name of the column.
        column: String,
        /// What is wrong, and what to do.
        problem: String,
    },
    /// Options for reading that contradict each other.
    #[error("the options for reading are not usable: {problem}")]
    Options {
        /// What is wrong, and what to do.
        problem: String,
    },
    /// A table that polars cannot read or compute.
    #[error("{what}: {source}")]
    Table {
        /// The action that failed.
        what: String,
        /// The error of polars.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A feature specification that cannot be used.
    #[error("the feature specification is not usable: {problem}")]
    Spec {
        /// What is wrong.
        problem: String,
    },
    /// A column that cannot be used in this way.
    #[error("column \"{column}\": {problem}")]
    Column {
        /// Name of the column.
        column: String,
        /// What is wrong, and what to do.
        problem: String,
    },
    /// A value that the specification does not handle.
    #[error("column \"{column}\", row {} (counted from 1, without a header): {problem}", row + 1)]
    Value {
        /// Name of the column.
        column: String,
        /// Index of the row in the frame that was given, counted from 0; the message counts rows from 1.
        /// For a part of a table it is the row of the part: see [`DataError::of_rows`].
        row: usize,
        /// What is wrong, and what to do.
        problem: String,
    },
    /// Rows that cannot be split in this way.
    #[error("the rows cannot be split: {problem}")]
    Split {
        /// What is wrong, and what to do.
        problem: String,
    },
    /// Targets of another kind than requested.
    #[error("the table has {found} as targets, not {wanted}; {advice}")]
    TargetKind {
        /// The kind that the table has.
        found: &'static str,
        /// The requested kind.
        wanted: &'static str,
        /// What to do.
        advice: &'static str,
    },
    /// A file of another version, or a damaged one.
    #[error("{what} cannot be used: {problem}")]
    Stored {
        /// What was loaded.
        what: String,
        /// Why it cannot be used, and what to do.
        problem: String,
    },
    /// An unknown name, such as that of a column, a data set or a step.
    #[error("there is no {kind} \"{name}\"{}", suggest(kind, nearest, *among))]
    Unknown {
        /// The kind of thing, such as `column`.
        kind: &'static str,
        /// The unknown name.
        name: String,
        /// The names nearest to it, best first.
        nearest: Vec<String>,
        /// Number of known names.
        among: usize,
    },
    /// A file whose digest differs from the one in the catalog.
    #[error("{}: SHA-256 is {found}, but the catalog says {expected} ({bytes} bytes); {advice}", path.display())]
    Digest {
        /// The file.
        path: PathBuf,
        /// Digest in the catalog.
        expected: String,
        /// Digest of the file.
        found: String,
        /// Size in the catalog.
        bytes: u64,
        /// What to do.
        advice: &'static str,
    },
    /// Token ids of another size than was written.
    #[error(
        "{}: {found} bytes, but {expected} were written; the file was cut off or replaced: delete the folder {} and write the corpus again",
        path.display(),
        folder_of(path)
    )]
    CorpusSize {
        /// The file with the ids.
        path: PathBuf,
        /// Bytes that were written.
        expected: u64,
        /// Bytes of the file.
        found: u64,
    },
    /// Token ids or a vocabulary that are not those that were written.
    #[error(
        "{}: the digest is {found:016x}, but {expected:016x} was written; the file was changed: delete the folder {} and write the corpus again",
        path.display(),
        folder_of(path)
    )]
    CorpusDigest {
        /// The file with the ids, or the vocabulary.
        path: PathBuf,
        /// Digest of what was written.
        expected: u64,
        /// Digest of the file.
        found: u64,
    },
    /// A file that could not be downloaded.
    #[error(
        "cannot download {url}: {problem}; what has arrived is kept and the next attempt resumes there; without a network set TINDERBOX_MIRROR to a folder or address that holds <data set>/<file>"
    )]
    Download {
        /// The address.
        url: String,
        /// What went wrong.
        problem: String,
    },
    /// A file of a data set that has no address and is not in the mirror.
    #[error(
        "{data_set}/{file} has no address to download it from ({differs}); set TINDERBOX_MIRROR to a folder or address that holds {data_set}/{file}; the original is at {homepage}"
    )]
    MirrorOnly {
        /// Name of the data set.
        data_set: String,
        /// The file.
        file: String,
        /// How it differs from the official download.
        differs: String,
        /// Where the data set is described.
        homepage: String,
    },
    /// A transform that does not fit the images.
    #[error("{transform} on images of {shape:?} (channels, height, width): {problem}")]
    Transform {
        /// The transform.
        transform: String,
        /// Channels, height and width of the images before the transform.
        shape: [usize; 3],
        /// What is wrong, and what to do.
        problem: String,
    },
    /// An example that does not exist.
    #[error("there is no example {index}: there are {examples}, counted from 0")]
    Index {
        /// The index.
        index: usize,
        /// Number of examples.
        examples: usize,
    },
    /// A file that could not be written.
    #[error(transparent)]
    Write(#[from] WriteError),
}

fn folder_of(path: &Path) -> String {
    path.parent().unwrap_or(path).display().to_string()
}

/// The most names that an error lists.
const LISTED: usize = 5;

impl DataError {
    /// The error for a name that is not among `names`, with the nearest of them.
    pub fn unknown<'a>(
        kind: &'static str,
        name: &str,
        names: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        let all: Vec<&str> = names.into_iter().collect();
        let mut near = nearest(name, all.iter().copied(), LISTED);
        let unnamed = all.first().is_some_and(|first| *first == "column_1");
        if near.is_empty() && (all.len() <= LISTED || unnamed) {
            // A few names, and some of columns without names, are listed.
            near = all.iter().copied().take(LISTED).collect();
        }
        Self::Unknown {
            kind,
            name: name.to_owned(),
            nearest: near.into_iter().map(str::to_owned).collect(),
            among: all.len(),
        }
    }

    /// The same error with the row of the table that these rows were taken from: index 3 of
    /// `take(frame, rows)` becomes index `rows[3]` of `frame`.
    ///
    /// Errors without a row, or with one beyond the last, are returned unchanged.
    pub fn of_rows(mut self, rows: &[usize]) -> Self {
        if let Self::Value { row, .. } | Self::Label { row, .. } = &mut self
            && let Some(&before) = rows.get(*row)
        {
            *row = before;
        }
        self
    }
}

fn suggest(kind: &str, nearest: &[String], among: usize) -> String {
    // Names that reading gave to columns without names.
    let unnamed = |name: &String| {
        let number = name.strip_prefix("column_");
        number.is_some_and(|number| number.parse::<usize>().is_ok())
    };
    if kind == "column" && !nearest.is_empty() && nearest.iter().all(unnamed) {
        return format!(
            "; the columns have no names but {}: if the first line of the file names them, state that it is a header (--header), or give the names (--names)",
            nearest.join(", ")
        );
    }
    match nearest {
        [] => format!("; there are {among} others"),
        [one] => format!("; did you mean \"{one}\"?"),
        several => format!("; did you mean one of {}?", several.join(", ")),
    }
}

/// The result of functions of this crate.
pub type Result<T, E = DataError> = std::result::Result<T, E>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_suggested_and_few_names_are_listed() {
        let names = [
            "LotArea",
            "SalePrice",
            "SaleType",
            "Street",
            "YrSold",
            "Alley",
        ];
        let text = DataError::unknown("column", "saleprise", names).to_string();
        assert_eq!(
            text,
            "there is no column \"saleprise\"; did you mean one of SalePrice, SaleType?"
        );
        let far = DataError::unknown("column", "zzz", names).to_string();
        assert!(far.contains("6 others"), "{far}");
        let few = DataError::unknown("column", "zzz", ["area", "price"]).to_string();
        assert!(few.contains("one of area, price"), "{few}");
        // Columns that have no names, because numbers are not taken for a header.
        let unnamed = DataError::unknown("column", "2003", ["column_1", "column_2"]).to_string();
        assert!(
            unnamed.contains("no names but column_1, column_2") && unnamed.contains("--header"),
            "{unnamed}"
        );
    }
}
