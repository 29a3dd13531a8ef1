//! Scores and time spans, as Pacemaker writes and adds them.

/// Pacemaker's INFINITY.
pub(crate) const INFINITY: i32 = 1_000_000;

/// A score: a number, `INFINITY`, `-INFINITY`. Beyond ±1,000,000 it is infinite; what isn't a score counts 0.
pub(crate) fn score(text: &str) -> i32 {
    match text.trim() {
        "INFINITY" | "+INFINITY" | "infinity" | "+infinity" => INFINITY,
        "-INFINITY" | "-infinity" => -INFINITY,
        number => number
            .parse::<i64>()
            .map_or(0, |n| i32::try_from(n.clamp(-i64::from(INFINITY), i64::from(INFINITY))).unwrap_or(0)),
    }
}

/// Adds scores as Pacemaker does: minus infinity wins over everything, plus infinity over the rest.
pub(crate) fn add_scores(a: i32, b: i32) -> i32 {
    if a <= -INFINITY || b <= -INFINITY {
        -INFINITY
    } else if a >= INFINITY || b >= INFINITY {
        INFINITY
    } else {
        a.saturating_add(b).clamp(-INFINITY, INFINITY)
    }
}

/// A time span as Pacemaker writes it (`60s`, `1min`, `500ms`, `20`: seconds), in milliseconds.
pub(crate) fn interval_ms(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let number: u64 = text[..digits].parse().ok()?;
    match text[digits..].trim() {
        "" | "s" | "sec" => number.checked_mul(1000),
        "ms" | "msec" => Some(number),
        "us" | "usec" => Some(number / 1000),
        "m" | "min" => number.checked_mul(60_000),
        "h" | "hr" => number.checked_mul(3_600_000),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_and_spans_are_read_as_pacemaker_does() {
        assert_eq!(
            (score("-INFINITY"), score("+INFINITY"), score("2000000"), score("junk")),
            (-INFINITY, INFINITY, INFINITY, 0)
        );
        assert_eq!(add_scores(INFINITY, -INFINITY), -INFINITY);
        assert_eq!(add_scores(999_999, 2), INFINITY);
        assert_eq!(add_scores(-5, 2), -3);
        assert_eq!(
            (interval_ms("1min"), interval_ms("20"), interval_ms("500ms")),
            (Some(60_000), Some(20_000), Some(500))
        );
        assert_eq!(
            (interval_ms(""), interval_ms("soon"), interval_ms("99999999999999999999s")),
            (None, None, None)
        );
    }
}
