//! How a user's table is read: the options of every example that takes one.

use anyhow::{Context, Result};
use tinderbox::tables::{ColumnType, DateOrder, Encoding, ReadOptions, Separator, TableFormat};

/// The options about reading a table; what is not given is inferred.
#[derive(clap::Args, Clone, Debug, Default)]
#[command(next_help_heading = "Reading the table")]
pub struct ReadArgs {
    /// What stands between fields: a character, or the word tab or whitespace.
    #[arg(long)]
    pub separator: Option<Separator>,
    /// A word that means a missing value; may be given several times.
    #[arg(long, value_name = "WORD")]
    pub null: Vec<String>,
    /// The first line names the columns.
    #[arg(long, conflicts_with = "no_header")]
    pub header: bool,
    /// The first line is a row like the others.
    #[arg(long)]
    pub no_header: bool,
    /// Names of the columns, separated by commas.
    #[arg(long, value_delimiter = ',', value_name = "A,B,…")]
    pub names: Option<Vec<String>>,
    /// Lines before the table that are skipped.
    #[arg(long, value_name = "LINES")]
    pub skip_rows: Option<usize>,
    /// What lines begin with that are no rows, such as #.
    #[arg(long, value_name = "PREFIX")]
    pub comment: Option<String>,
    /// What stands before the fraction of a number: . or ,
    #[arg(long, value_name = "CHARACTER")]
    pub decimal: Option<char>,
    /// What groups the digits of large numbers: , or . or ' or a blank.
    #[arg(long, value_name = "CHARACTER")]
    pub thousands: Option<char>,
    /// What dates such as 01/02/2001 begin with: day-first or month-first.
    #[arg(long, value_name = "ORDER")]
    pub dates: Option<DateOrder>,
    /// How letters are encoded: utf-8, latin1, windows-1252, utf-16le, ….
    #[arg(long)]
    pub encoding: Option<Encoding>,
    /// The type of a column: integer, float, boolean, text, date or datetime; may be given several times.
    #[arg(long, value_name = "COLUMN=TYPE")]
    pub column_type: Vec<String>,
    /// Most bytes that a .gz file may unpack to.
    #[arg(long, value_name = "BYTES")]
    pub max_unpacked: Option<u64>,
}

impl ReadArgs {
    /// Options for reading with what was given, and the rest inferred.
    pub fn options(&self) -> Result<ReadOptions> {
        let mut options = ReadOptions::default();
        self.apply(&mut options)?;
        Ok(options)
    }

    /// Sets what was given, and leaves the rest as it is.
    pub fn apply(&self, options: &mut ReadOptions) -> Result<()> {
        fn set<T: Clone>(option: &mut Option<T>, given: &Option<T>) {
            if let Some(given) = given {
                *option = Some(given.clone());
            }
        }
        set(&mut options.separator, &self.separator);
        set(&mut options.names, &self.names);
        set(&mut options.comment, &self.comment);
        set(&mut options.decimal, &self.decimal);
        set(&mut options.thousands, &self.thousands);
        set(&mut options.dates, &self.dates);
        set(&mut options.encoding, &self.encoding);
        set(&mut options.max_unpacked, &self.max_unpacked);
        if self.header || self.no_header {
            options.has_header = Some(self.header);
        }
        if let Some(lines) = self.skip_rows {
            options.skip_rows = lines;
        }
        options.null_values.extend(self.null.iter().cloned());
        for stated in &self.column_type {
            let usage = || format!("--column-type {stated}: write COLUMN=TYPE, such as zip=text");
            let (column, kind) = stated.rsplit_once('=').with_context(usage)?;
            let kind: ColumnType = kind
                .parse()
                .map_err(anyhow::Error::msg)
                .with_context(usage)?;
            options.types.insert(column.to_owned(), kind);
        }
        Ok(())
    }
}

/// Prints what was decided about columns whose cells needed a decision: a line each.
pub fn print_notes(format: &TableFormat) {
    for column in &format.columns {
        if !column.notes.is_empty() {
            crate::say!("{:<24} read as: {}", column.name, column.notes.join("; "));
        }
    }
}
