//! Names of hosts with ranges in them, and the port behind them.

/// Returns the names that a pattern of hosts stands for, and the port that stands behind it.
pub(super) fn expand(pattern: &str, most: usize) -> Result<(Vec<String>, Option<u16>), String> {
    let (pattern, port) = split_port(pattern)?;
    let mut names = Vec::new();
    ranges(pattern, most, &mut names)?;
    Ok((names, port))
}

/// Splits a port off, where what is before it could be a host.
///
/// What could not be one stays whole, whatever it is: it is then a name nobody can reach, but it is the name that
/// the inventory has given.
pub(super) fn split_port(pattern: &str) -> Result<(&str, Option<u16>), String> {
    let (mut address, mut port) = (pattern, None);
    if let Some((inside, digits)) = pattern.strip_prefix('[').and_then(|rest| rest.rsplit_once("]:"))
        && is_digits(digits)
        && !inside.is_empty()
    {
        (address, port) = (inside, Some(digits));
    }
    if let Some((before, digits)) = address.rsplit_once(':')
        && is_digits(digits)
        && is_without_bare_colon(before)
    {
        (address, port) = (before, Some(digits));
    }
    if !is_host(address) {
        return Ok((pattern, None));
    }
    let port = port.map(|digits| digits.parse().map_err(|_| format!("{digits} is no port"))).transpose()?;
    Ok((address, port))
}

/// Returns whether a text is a name or an address, ranges included.
pub(super) fn is_host(text: &str) -> bool {
    is_name(text) || is_ipv6(text)
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Returns whether each colon and bracket of a text belongs to a whole bracketed expression.
fn is_without_bare_colon(text: &str) -> bool {
    let mut rest = text;
    while let Some(at) = rest.find([':', '[', ']']) {
        if !rest[at..].starts_with('[') {
            return false;
        }
        match rest[at + 1..].find(']') {
            Some(length) => rest = &rest[at + length + 2..],
            None => return false,
        }
    }
    true
}

/// Labels with points between them. A label has letters, digits, `_`, `-` and ranges; it begins with neither of
/// the two last signs but may begin with `_`, and ends with none.
fn is_name(text: &str) -> bool {
    let mut rest = text;
    let mut last: Option<char> = None;
    while let Some(char) = rest.chars().next() {
        rest = &rest[char.len_utf8()..];
        match char {
            '[' => {
                let Some((inside, after)) = rest.split_once(']') else { return false };
                if !is_range(inside) {
                    return false;
                }
                rest = after;
            }
            '.' if last.is_none_or(|last| matches!(last, '.' | '-' | '_')) => return false,
            '-' if last.is_none_or(|last| last == '.') => return false,
            '.' | '-' | '_' => {}
            char if char.is_alphanumeric() => {}
            _ => return false,
        }
        last = Some(char);
    }
    last.is_some_and(|last| !matches!(last, '.' | '-' | '_'))
}

/// Returns whether an expression in brackets is a range as a name may have one.
fn is_range(inside: &str) -> bool {
    let parts: Vec<&str> = inside.split(':').collect();
    let is_letter = |text: &str| text.len() == 1 && text.bytes().all(|byte| byte.is_ascii_alphabetic());
    match parts.as_slice() {
        [begin, end] | [begin, end, _]
            if is_digits(begin) && is_digits(end) || is_letter(begin) && is_letter(end) =>
        {
            parts.get(2).is_none_or(|step| is_digits(step))
        }
        _ => false,
    }
}

/// An address of IPv6, in which ranges may stand for groups.
fn is_ipv6(text: &str) -> bool {
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('[') {
        let Some((inside, after)) = after.split_once(']') else { return false };
        let is_hex = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let mut parts = inside.split(':');
        let bounds = parts.next().is_some_and(is_hex) && parts.next().is_some_and(is_hex);
        if !bounds || !parts.next().is_none_or(is_digits) || parts.next().is_some() {
            return false;
        }
        plain.push_str(before);
        plain.push('1');
        rest = after;
    }
    plain.push_str(rest);
    plain.parse::<std::net::Ipv6Addr>().is_ok()
}

/// Replaces the first range of a pattern by each of its members, and then the next.
fn ranges(pattern: &str, most: usize, names: &mut Vec<String>) -> Result<(), String> {
    let Some((head, rest)) = pattern.split_once('[') else {
        if names.len() >= most {
            return Err(format!("it stands for more than {most} hosts"));
        }
        names.push(pattern.to_owned());
        return Ok(());
    };
    if pattern.contains('|') {
        return Err("a range and a | cannot be in one name".to_owned());
    }
    let (inside, tail) = rest.split_once(']').ok_or("a [ has no ]")?;
    for member in members(inside, most)? {
        ranges(&format!("{head}{member}{tail}"), most, names)?;
    }
    Ok(())
}

/// Returns the members of `begin:end` or `begin:end:step`.
fn members(inside: &str, most: usize) -> Result<Vec<String>, String> {
    let wrong = |what: &str| format!("[{inside}] is no range: {what}");
    let parts: Vec<&str> = inside.split(':').collect();
    let (begin, end, step) = match parts.as_slice() {
        [begin, end] => (*begin, *end, "1"),
        [begin, end, step] => (*begin, *end, *step),
        _ => return Err(wrong("write [begin:end] or [begin:end:step]")),
    };
    let begin = if begin.is_empty() { "0" } else { begin };
    if end.is_empty() {
        return Err(wrong("it has no end"));
    }
    let step: usize = step.parse().map_err(|_| wrong("the step is no number"))?;
    if step == 0 {
        return Err(wrong("a step of 0 has no end"));
    }
    let width = match begin.starts_with('0') && begin.len() > 1 {
        true if begin.len() != end.len() => return Err(wrong("begin and end have to be of the same length")),
        true => begin.len(),
        false => 0,
    };
    if let (Some(first), Some(last)) = (letter(begin), letter(end)) {
        if first > last {
            return Err(wrong("the begin is behind the end"));
        }
        let letters = LETTERS.get(first..=last).unwrap_or_default();
        return Ok(letters.chars().step_by(step).map(String::from).collect());
    }
    let bound =
        |text: &str| text.parse::<u64>().map_err(|_| wrong("begin and end are two numbers or two letters"));
    let (first, last) = (bound(begin)?, bound(end)?);
    if (last.saturating_sub(first) / step as u64) as usize >= most {
        return Err(format!("it stands for more than {most} hosts"));
    }
    Ok((first..=last).step_by(step).map(|number| format!("{number:0width$}")).collect())
}

/// Returns the place of a letter in the order of ranges: small ones first.
fn letter(text: &str) -> Option<usize> {
    (text.len() == 1).then(|| LETTERS.find(text)).flatten()
}

const LETTERS: &str = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_stand_for_their_members() {
        for (pattern, names, port) in [
            ("hv01", vec!["hv01"], None),
            ("hv[01:03]", vec!["hv01", "hv02", "hv03"], None),
            ("hv[8:11].lab", vec!["hv8.lab", "hv9.lab", "hv10.lab", "hv11.lab"], None),
            ("hv[08:12:2]:5985", vec!["hv08", "hv10", "hv12"], Some(5985)),
            ("hv[a:c]", vec!["hva", "hvb", "hvc"], None),
            ("hv[y:B]", vec!["hvy", "hvz", "hvA", "hvB"], None),
            ("r[1:2]n[a:b]", vec!["r1na", "r1nb", "r2na", "r2nb"], None),
            ("hv[:2]", vec!["hv0", "hv1", "hv2"], None),
            ("hv[3:1]", vec![], None),
            ("10.0.0.[1:2]:80", vec!["10.0.0.1", "10.0.0.2"], Some(80)),
            ("fe80::1", vec!["fe80::1"], None),
            ("[fe80::1]:5986", vec!["fe80::1"], Some(5986)),
            // None of these could be a host with a port.
            ("hv_:80", vec!["hv_:80"], None),
            ("a:b:80", vec!["a:b:80"], None),
            ("hv01:", vec!["hv01:"], None),
        ] {
            let names: Vec<_> = names.into_iter().map(str::to_owned).collect();
            assert_eq!(expand(pattern, 100), Ok((names, port)), "{pattern}");
        }
        for pattern in [
            "hv[1]",
            "hv[1:2:3:4]",
            "hv[01:100]",
            "hv[1:",
            "hv[a:3]",
            "hv[c:a]",
            "hv[1:5:0]",
            "hv[1:200]",
            "[::1]",
            "hv[1:x]",
        ] {
            assert!(expand(pattern, 100).is_err(), "{pattern}");
        }
    }

    #[test]
    fn no_range_is_too_long_to_be_refused() {
        for pattern in
            ["hv[0:18446744073709551615]", "[0:99][0:99][0:99][0:99]", "hv[1:99999999999999999999999]"]
        {
            assert!(expand(pattern, 1000).is_err(), "{pattern}");
        }
    }
}
