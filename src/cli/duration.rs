//! Lengths of time as people write them.

use std::time::Duration;

/// Reads `30s`, `5m`, `1h30m`, `500ms`. A number alone is refused: of what?
pub(crate) fn parse(text: &str) -> Result<Duration, String> {
    let refuse = || format!("{text:?} is no length of time: write 30s, 5m, 1h30m or 500ms");
    let mut total = Duration::ZERO;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(refuse)?;
        let (number, tail) = rest.split_at(digits);
        let unit = tail.find(|c: char| c.is_ascii_digit()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(unit);
        let number: u32 = number.parse().map_err(|_| refuse())?;
        let one = match unit {
            "ms" => Duration::from_millis(1),
            "s" => Duration::from_secs(1),
            "m" => Duration::from_secs(60),
            "h" => Duration::from_secs(3600),
            "d" => Duration::from_secs(86_400),
            _ => return Err(refuse()),
        };
        total = one.checked_mul(number).and_then(|more| total.checked_add(more)).ok_or_else(refuse)?;
        rest = tail;
    }
    if total.is_zero() { Err(refuse()) } else { Ok(total) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_of_time_has_its_units() {
        for (text, seconds) in
            [("30s", 30.0), ("5m", 300.0), ("1h30m", 5400.0), ("500ms", 0.5), ("2d", 172_800.0)]
        {
            assert_eq!(parse(text).unwrap().as_secs_f64(), seconds, "{text}");
        }
        for text in ["", "30", "s", "0s", "-1s", "1.5h", "5 m", "5x", "99999999999s", "1h30", "½m"] {
            assert!(parse(text).unwrap_err().contains("write 30s"), "{text}");
        }
    }
}
