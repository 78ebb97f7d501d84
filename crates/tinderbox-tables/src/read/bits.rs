//! The properties of the cells of a column, as bits that are collected over all cells.

/// A number.
pub(super) const NUMBER: u64 = 1;
/// Above 2^53, where not every whole number is an `f64`.
pub(super) const BIG: u64 = 1 << 1;
/// A whole number that does not fit into 64 bits.
pub(super) const HUGE: u64 = 1 << 2;
/// A decimal point for certain, a decimal comma for certain.
pub(super) const POINT: u64 = 1 << 3;
pub(super) const COMMA: u64 = 1 << 4;
/// `1.234` and `1,234`: the fraction of a number, or its last three digits.
pub(super) const POINT_3: u64 = 1 << 5;
pub(super) const COMMA_3: u64 = 1 << 6;
/// Groups of three digits for certain, and what separates them.
pub(super) const BY_POINT: u64 = 1 << 7;
pub(super) const BY_COMMA: u64 = 1 << 8;
pub(super) const BY_BLANK: u64 = 1 << 9;
pub(super) const BY_QUOTE: u64 = 1 << 10;
/// A fraction other than zeros, where the mark before it is certain.
pub(super) const FRACTION: u64 = 1 << 11;
pub(super) const EXPONENT: u64 = 1 << 12;
pub(super) const PERCENT: u64 = 1 << 13;
/// A number other than 0 without a percent sign.
pub(super) const NO_PERCENT: u64 = 1 << 14;
pub(super) const DOLLAR: u64 = 1 << 15;
pub(super) const EURO: u64 = 1 << 16;
pub(super) const POUND: u64 = 1 << 17;
pub(super) const YEN: u64 = 1 << 18;
pub(super) const RUPEE: u64 = 1 << 19;
/// `(5)` for -5.
pub(super) const BRACKETS: u64 = 1 << 20;
pub(super) const PLUS: u64 = 1 << 21;
/// A minus sign that is not ASCII.
pub(super) const MINUS: u64 = 1 << 22;
pub(super) const NOT_FINITE: u64 = 1 << 23;
/// `007`.
pub(super) const ZEROS: u64 = 1 << 24;
/// Anything but a whole number from 1800 to 2200.
pub(super) const NO_YEAR: u64 = 1 << 25;
/// Four or more digits before the decimal mark that are not grouped: digits are not grouped here.
pub(super) const LONG: u64 = 1 << 26;
/// A whole number from 1 to 999: numbers of three digits are not fractions here.
pub(super) const SHORT: u64 = 1 << 27;
/// A number that is not a date written as `20010131`.
pub(super) const NO_COMPACT: u64 = 1 << 28;

pub(super) const CURRENCY: u64 = DOLLAR | EURO | POUND | YEN | RUPEE;
/// Forms that a parser of plain numbers does not read.
pub(super) const WRITTEN: u64 = COMMA
    | COMMA_3
    | BY_POINT
    | BY_COMMA
    | BY_BLANK
    | BY_QUOTE
    | PERCENT
    | CURRENCY
    | BRACKETS
    | PLUS
    | MINUS;

/// A date, or what looks like one.
pub(super) const DATE: u64 = 1 << 32;
/// With a time of the day.
pub(super) const CLOCK: u64 = 1 << 33;
/// With `Z` or an offset, and without.
pub(super) const OFFSET: u64 = 1 << 34;
pub(super) const NAIVE: u64 = 1 << 35;
/// The forms that polars reads: `2001-01-31`, and with ` 23:59`, `T23:59`, ` 23:59:59`, `T23:59:59`.
pub(super) const DAY: u64 = 1 << 36;
pub(super) const BLANK_16: u64 = 1 << 37;
pub(super) const T_16: u64 = 1 << 38;
pub(super) const BLANK_19: u64 = 1 << 39;
pub(super) const T_19: u64 = 1 << 40;
pub(super) const OTHER_FORM: u64 = 1 << 41;
/// `01/02/2001`: the order of day and month is to be found out.
pub(super) const SLASHES: u64 = 1 << 42;
/// Not in the calendar with the day first, or with the month first.
pub(super) const BAD_DAY_FIRST: u64 = 1 << 43;
pub(super) const BAD_MONTH_FIRST: u64 = 1 << 44;
/// Not in the calendar, or not a time of the day.
pub(super) const IMPOSSIBLE: u64 = 1 << 45;
/// `31.01.2001`.
pub(super) const DOTS: u64 = 1 << 46;
pub(super) const YEAR_FIRST: u64 = 1 << 47;
/// `31.01.01`, `1/31/01`, `31-Jan-01`.
pub(super) const SHORT_YEAR: u64 = 1 << 48;

/// A JSON string, and a JSON list or object.
pub(super) const STRING: u64 = 1 << 58;
pub(super) const NESTED: u64 = 1 << 59;
pub(super) const BOOLEAN: u64 = 1 << 60;
/// A truth value in another case than `true`, `True` and `TRUE`.
pub(super) const ODD_CASE: u64 = 1 << 61;
pub(super) const TEXT: u64 = 1 << 62;
/// Text that is a number which is not read: with Indian grouping, in hexadecimal, with a suffix.
pub(super) const INDIAN: u64 = 1 << 49;
pub(super) const HEXADECIMAL: u64 = 1 << 50;
pub(super) const SUFFIX: u64 = 1 << 51;
/// Any other text.
pub(super) const PROSE: u64 = 1 << 52;

/// The classes of cells, of which a column has one unless it is text.
pub(super) const CLASSES: u64 = NUMBER | DATE | BOOLEAN | TEXT;
/// `""`, which is missing as an empty field is.
pub(super) const QUOTED_EMPTY: u64 = 1 << 63;
