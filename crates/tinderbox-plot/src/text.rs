//! The width of texts, and numbers as text.
//!
//! A library that writes SVG cannot know the reader's font. The widths here follow DejaVu Sans, one of
//! the widest `sans-serif` fonts in use, so that margins are too wide rather than too narrow.

/// The width of `text` in px at a font size in px.
pub(crate) fn width(text: &str, size: f64) -> f64 {
    text.chars().map(em).sum::<f64>() * size
}

fn em(c: char) -> f64 {
    match c {
        'i' | 'j' | 'l' | 'I' | '|' | '.' | ',' | ':' | ';' | '\'' | ' ' => 0.33,
        'f' | 'r' | 't' | '(' | ')' | '[' | ']' | '/' | '-' | '!' => 0.41,
        'm' | 'w' | 'M' | 'W' | '@' | '%' | '…' => 0.99,
        // Wide East Asian scripts and symbols take a full em.
        '\u{2e80}'.. => 1.0,
        c if c.is_uppercase() => 0.72,
        _ => 0.64,
    }
}

/// `text`, truncated with an ellipsis if it does not fit into `room` px.
pub(crate) fn fit(text: &str, size: f64, room: f64) -> String {
    // A `room` computed from this width differs from it by rounding.
    if width(text, size) <= room + 0.01 {
        return text.to_owned();
    }
    let mut left = room / size - em('…');
    let mut cut = String::new();
    for c in text.chars() {
        left -= em(c);
        if left < 0.0 {
            break;
        }
        cut.push(c);
    }
    cut.truncate(cut.trim_end().len());
    cut.push('…');
    cut
}

/// A text for an XML attribute or element: markup escaped, characters that XML forbids replaced.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in printable(text).chars() {
        match c {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&apos;"),
            c => escaped.push(c),
        }
    }
    escaped
}

/// A text on one line without the control characters that XML forbids.
pub(crate) fn printable(text: &str) -> String {
    let replace = |c: char| match c {
        '\n' | '\r' | '\t' => ' ',
        c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => '\u{fffd}',
        c => c,
    };
    text.chars().map(replace).collect()
}

/// A number with four significant digits, scientific outside 0.001 to 1,000,000.
pub(crate) fn number(value: f64) -> String {
    let size = value.abs();
    if value == 0.0 {
        "0".to_owned()
    } else if !value.is_finite() {
        value.to_string()
    } else if (1e-3..999_999.5).contains(&size) {
        let decimals = (3 - size.log10().floor() as i32).max(0) as usize;
        trim(format!("{value:.decimals$}"))
    } else {
        scientific(value, 2)
    }
}

/// A number with `decimals` places in its mantissa, without trailing zeros: `2.5e-7`.
pub(crate) fn scientific(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$e}");
    match text.split_once('e') {
        Some((mantissa, exponent)) => format!("{}e{exponent}", trim(mantissa.to_owned())),
        None => text,
    }
}

fn trim(text: String) -> String {
    if !text.contains('.') {
        return text;
    }
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short_and_exact_in_the_usual_range() {
        let shown = [
            0.0,
            1.0,
            -0.5,
            0.242,
            1503.0,
            123_456.0,
            1e6,
            0.001,
            0.000_25,
            -3.456_7e-9,
        ];
        let expected = [
            "0", "1", "-0.5", "0.242", "1503", "123456", "1e6", "0.001", "2.5e-4", "-3.46e-9",
        ];
        assert_eq!(shown.map(number), expected);
    }

    #[test]
    fn a_truncated_text_fits_and_ends_with_an_ellipsis() {
        let cut = fit(
            "a very long name of a column that does not fit",
            11.0,
            100.0,
        );
        assert!(cut.ends_with('…') && cut.starts_with("a very"));
        assert!(width(&cut, 11.0) <= 100.0);
        assert_eq!(fit("short", 11.0, 100.0), "short");
        assert_eq!(fit("anything", 11.0, 0.0), "…");
    }

    #[test]
    fn texts_are_escaped() {
        assert_eq!(
            escape("a<b & \"c\"\u{1}\n"),
            "a&lt;b &amp; &quot;c&quot;\u{fffd} "
        );
    }
}
