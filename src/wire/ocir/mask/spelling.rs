//! Brackets and quotes in every spelling: themselves, by name, or by number, with the ampersand escaped any number of times.

/// The length of the bracket `<` at the beginning of `text`.
pub fn opening(text: &str) -> Option<usize> {
    spelled(text, "lt", &["60", "x3c"], '<')
}

/// The length of the bracket `>` at the beginning of `text`.
pub fn closing(text: &str) -> Option<usize> {
    spelled(text, "gt", &["62", "x3e"], '>')
}

/// The length of a quote at the beginning of `text`.
pub fn quote(text: &str) -> Option<usize> {
    spelled(text, "quot", &["34", "x22"], '"').or_else(|| spelled(text, "apos", &["39", "x27"], '\''))
}

fn spelled(text: &str, name: &str, numbers: &[&str], itself: char) -> Option<usize> {
    if text.starts_with(itself) {
        return Some(1);
    }
    let mut rest = text.strip_prefix('&')?;
    while let Some(unescaped) = rest.strip_prefix("amp;") {
        rest = unescaped;
    }
    let (reference, _) = rest.get(..rest.len().min(12)).unwrap_or(rest).split_once(';')?;
    let is_number = |number: &str| {
        numbers.iter().any(|n| match n.strip_prefix('x') {
            Some(hex) => number.strip_prefix(['x', 'X']).is_some_and(|n| same_number(n, hex)),
            None => same_number(number, n),
        })
    };
    let matches = reference == name || reference.strip_prefix('#').is_some_and(is_number);
    matches.then(|| text.len() - rest.len() + reference.len() + 1)
}

fn same_number(a: &str, b: &str) -> bool {
    a.trim_start_matches('0').eq_ignore_ascii_case(b)
}
