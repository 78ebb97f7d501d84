//! Times of the day.

/// The digits at the front, up to `most` of them: their value and their number.
pub(super) fn number(bytes: &[u8], most: usize) -> Option<(u32, usize)> {
    let digits = bytes.iter().take(most);
    let count = digits.take_while(|byte| byte.is_ascii_digit()).count();
    let value = bytes[..count]
        .iter()
        .fold(0, |value, digit| 10 * value + u32::from(digit - b'0'));
    (count > 0).then_some((value, count))
}

/// A time of the day.
pub(super) struct Time {
    /// Since midnight in UTC.
    pub microseconds: i64,
    /// Whether there is `Z` or an offset.
    pub offset: bool,
    /// Whether there is such a time.
    pub possible: bool,
}

/// A blank or `T`, hours and minutes, seconds and their fraction, and `Z`, an offset, or AM or PM.
pub(super) fn time(bytes: &[u8]) -> Option<Time> {
    let [b' ' | b'T' | b't', rest @ ..] = bytes else {
        return None;
    };
    let (mut hour, count) = number(rest, 2)?;
    let rest = rest[count..].strip_prefix(b":")?;
    let (minute, count) = number(rest, 2)?;
    if count != 2 {
        return None;
    }
    let mut rest = &rest[2..];
    let (mut second, mut fraction) = (0, 0i64);
    if let [b':', after @ ..] = rest {
        let (value, count) = number(after, 2)?;
        if count != 2 {
            return None;
        }
        second = value;
        rest = &after[2..];
        if let [b'.' | b',', after @ ..] = rest {
            let count = after.iter().take_while(|it| it.is_ascii_digit()).count();
            if count == 0 {
                return None;
            }
            // Digits below a microsecond are dropped.
            let digits = after[..count].iter().map(|digit| digit - b'0');
            for digit in digits.chain(std::iter::repeat(0)).take(6) {
                fraction = 10 * fraction + i64::from(digit);
            }
            rest = &after[count..];
        }
    }
    let mut possible = hour < 24 && minute < 60 && second < 60;
    let (mut offset, mut minutes) = (true, 0);
    match rest {
        [] => offset = false,
        [b'Z' | b'z'] => {}
        [b' ', half, b'm' | b'M'] | [half, b'm' | b'M'] if b"aApP".contains(half) => {
            offset = false;
            possible &= (1..=12).contains(&hour);
            hour = hour % 12 + if b"pP".contains(half) { 12 } else { 0 };
        }
        [sign @ (b'+' | b'-'), after @ ..] => {
            let (hours, count) = number(after, 2)?;
            let rest = &after[count..];
            let part = match rest.strip_prefix(b":").unwrap_or(rest) {
                [] if rest.is_empty() => 0,
                part => {
                    let (value, length) = number(part, 2)?;
                    if length != 2 || part.len() != 2 {
                        return None;
                    }
                    value
                }
            };
            if count != 2 {
                return None;
            }
            possible &= hours < 24 && part < 60;
            minutes = i64::from(60 * hours + part);
            if *sign == b'-' {
                minutes = -minutes;
            }
        }
        _ => return None,
    }
    let seconds = i64::from(60 * (60 * hour + minute) + second) - 60 * minutes;
    Some(Time {
        microseconds: seconds * 1_000_000 + fraction,
        offset,
        possible,
    })
}
