use super::{ColumnType, ReadOptions};

/// What the cells of one column have been so far.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Seen(u8);

const INTEGER: u8 = 1;
const FLOAT: u8 = 2;
const BOOLEAN: u8 = 4;
const DATE: u8 = 8;
const DATETIME: u8 = 16;
const TEXT: u8 = 32;

impl Seen {
    /// Whether the column is text whatever follows.
    pub fn is_text(self) -> bool {
        self.0 & TEXT != 0
    }

    pub fn add(&mut self, cell: &[u8], decimal_comma: bool) {
        self.0 |= bit(cell, decimal_comma);
    }

    /// The narrowest type that holds every cell; numbers when all are missing.
    pub fn column_type(self) -> ColumnType {
        match self.0 {
            INTEGER => ColumnType::Integer,
            bits if bits & !(INTEGER | FLOAT) == 0 => ColumnType::Float,
            BOOLEAN => ColumnType::Boolean,
            DATE => ColumnType::Date,
            DATETIME => ColumnType::Datetime,
            _ => ColumnType::Text,
        }
    }
}

/// Whether a cell can be read as this type.
pub(super) fn fits(cell: &[u8], kind: ColumnType, decimal_comma: bool) -> bool {
    let bit = bit(cell, decimal_comma);
    match kind {
        ColumnType::Integer => bit == INTEGER,
        ColumnType::Float => bit & (INTEGER | FLOAT) != 0,
        ColumnType::Boolean => bit == BOOLEAN,
        ColumnType::Date => bit == DATE,
        ColumnType::Datetime => bit == DATETIME,
        ColumnType::Text => true,
    }
}

/// Whether a cell is a number.
pub(super) fn is_number(cell: &[u8], decimal_comma: bool) -> bool {
    bit(cell, decimal_comma) & (INTEGER | FLOAT) != 0
}

/// Which of the words for a missing value a cell is.
pub(super) fn null(cell: &[u8], options: &ReadOptions) -> Option<usize> {
    let mut nulls = options.null_values.iter();
    nulls.position(|null| null.as_bytes() == cell)
}

fn bit(cell: &[u8], decimal_comma: bool) -> u8 {
    let Some(first) = cell.first() else {
        return TEXT;
    };
    match first {
        b'0'..=b'9' | b'+' | b'-' | b'.' | b',' => number_or_date(cell, decimal_comma),
        b't' | b'T' | b'f' | b'F'
            if cell.eq_ignore_ascii_case(b"true") || cell.eq_ignore_ascii_case(b"false") =>
        {
            BOOLEAN
        }
        b'i' | b'I' | b'n' | b'N' if not_finite(cell) => FLOAT,
        _ => TEXT,
    }
}

fn not_finite(word: &[u8]) -> bool {
    [&b"inf"[..], b"infinity", b"nan"]
        .iter()
        .any(|known| word.eq_ignore_ascii_case(known))
}

fn number_or_date(cell: &[u8], decimal_comma: bool) -> u8 {
    let point = if decimal_comma { b',' } else { b'.' };
    let unsigned = match cell {
        [b'+' | b'-', rest @ ..] => rest,
        _ => cell,
    };
    let whole = digits(unsigned);
    if whole == unsigned.len() && whole > 0 {
        // More digits may not fit into 64 bits, and a plus is not what an index looks like.
        return if whole <= 18 && cell[0] != b'+' {
            INTEGER
        } else {
            FLOAT
        };
    }
    if not_finite(unsigned) {
        return FLOAT;
    }
    if whole == 4 && unsigned.len() == cell.len() && unsigned[4] == b'-' {
        return date(cell);
    }
    let mut rest = &unsigned[whole..];
    let mut fraction = 0;
    if rest.first() == Some(&point) {
        fraction = digits(&rest[1..]);
        rest = &rest[1 + fraction..];
    }
    if whole + fraction == 0 {
        return TEXT;
    }
    if let [b'e' | b'E', exponent @ ..] = rest {
        let exponent = match exponent {
            [b'+' | b'-', rest @ ..] => rest,
            _ => exponent,
        };
        return match digits(exponent) {
            0 => TEXT,
            count if count == exponent.len() => FLOAT,
            _ => TEXT,
        };
    }
    if rest.is_empty() { FLOAT } else { TEXT }
}

fn digits(bytes: &[u8]) -> usize {
    bytes
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count()
}

/// A day, or a moment to the minute or finer, in ISO 8601's order.
fn date(cell: &[u8]) -> u8 {
    let two = |from: usize, low: u8, high: u8| match cell.get(from..from + 2) {
        Some([a @ b'0'..=b'9', b @ b'0'..=b'9']) => {
            (low..=high).contains(&((a - b'0') * 10 + b - b'0'))
        }
        _ => false,
    };
    if !(two(5, 1, 12) && cell.get(7) == Some(&b'-') && two(8, 1, 31)) {
        return TEXT;
    }
    if cell.len() == 10 {
        return DATE;
    }
    let clock = matches!(cell[10], b' ' | b'T')
        && two(11, 0, 23)
        && cell.get(13) == Some(&b':')
        && two(14, 0, 59);
    // Only the two lengths that polars reads for certain; anything finer stays text.
    match cell.len() {
        16 if clock => DATETIME,
        19 if clock && cell[16] == b':' && two(17, 0, 59) => DATETIME,
        _ => TEXT,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("12", ColumnType::Integer)]
    #[case("-7", ColumnType::Integer)]
    #[case("1234567890123456789", ColumnType::Float)]
    #[case("+5", ColumnType::Float)]
    #[case("3.25", ColumnType::Float)]
    #[case(".5", ColumnType::Float)]
    #[case("1.", ColumnType::Float)]
    #[case("-1.5e-07", ColumnType::Float)]
    #[case("-inf", ColumnType::Float)]
    #[case("NaN", ColumnType::Float)]
    #[case("TRUE", ColumnType::Boolean)]
    #[case("2001-01-31", ColumnType::Date)]
    #[case("2001-01-31 23:59", ColumnType::Datetime)]
    #[case("2001-01-31T23:59:59", ColumnType::Datetime)]
    #[case("2001-13-31", ColumnType::Text)]
    #[case("1.2.3", ColumnType::Text)]
    #[case("1e", ColumnType::Text)]
    #[case("-", ColumnType::Text)]
    #[case("1,5", ColumnType::Text)]
    #[case("1Fam", ColumnType::Text)]
    #[case("truely", ColumnType::Text)]
    fn a_cell_has_the_narrowest_type(#[case] cell: &str, #[case] expected: ColumnType) {
        let mut seen = Seen::default();
        seen.add(cell.as_bytes(), false);
        assert_eq!(seen.column_type(), expected);
        assert!(fits(cell.as_bytes(), expected, false));
    }

    #[test]
    fn a_column_widens() {
        let of = |cells: &[&str]| {
            let mut seen = Seen::default();
            for cell in cells {
                seen.add(cell.as_bytes(), false);
            }
            seen.column_type()
        };
        assert_eq!(of(&["1", "2.5"]), ColumnType::Float);
        assert_eq!(of(&["1", "x"]), ColumnType::Text);
        assert_eq!(of(&["true", "1"]), ColumnType::Text);
        assert_eq!(of(&[]), ColumnType::Float);
        assert!(fits(b"1,5", ColumnType::Float, true));
    }
}
