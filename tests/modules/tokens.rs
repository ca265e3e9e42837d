//! Tokens of Rust source: identifiers, `::` and single punctuation marks, without comments, literals and test items.

/// Splits source text into tokens, and drops every item under `#[cfg(test)]`.
pub fn tokens(source: &str) -> Vec<String> {
    without_test_items(&split(&without_comments_and_literals(source)))
}

/// Replaces comments, strings and characters by spaces.
fn without_comments_and_literals(source: &str) -> String {
    let text: Vec<char> = source.chars().collect();
    let (mut code, mut at) = (String::with_capacity(source.len()), 0);
    while at < text.len() {
        match skipped(&text, at) {
            0 => {
                code.push(text[at]);
                at += 1;
            }
            length => {
                code.push(' ');
                at += length;
            }
        }
    }
    code
}

/// The length of the comment or literal that begins at a position; 0 where none does.
fn skipped(text: &[char], at: usize) -> usize {
    let rest = &text[at..];
    let after_name = at > 0 && is_name(text[at - 1]);
    match rest {
        ['/', '/', ..] => rest.iter().position(|&mark| mark == '\n').unwrap_or(rest.len()),
        ['/', '*', ..] => block_comment(rest),
        ['"', ..] => string(rest),
        ['r', '"' | '#', ..] if !after_name => raw_string(rest, 1),
        ['b', 'r', '"' | '#', ..] if !after_name => raw_string(rest, 2),
        ['\'', '\\', ..] => 2 + rest[3..].iter().position(|&mark| mark == '\'').map_or(0, |end| end + 2),
        ['\'', _, '\'', ..] => 3,
        _ => 0,
    }
}

fn block_comment(rest: &[char]) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at + 1 < rest.len() {
        match (rest[at], rest[at + 1]) {
            ('/', '*') => depth += 1,
            ('*', '/') => depth -= 1,
            _ => {
                at += 1;
                continue;
            }
        }
        at += 2;
        if depth == 0 {
            return at;
        }
    }
    rest.len()
}

fn string(rest: &[char]) -> usize {
    let mut at = 1;
    while at < rest.len() && rest[at] != '"' {
        at += if rest[at] == '\\' { 2 } else { 1 };
    }
    (at + 1).min(rest.len())
}

/// The length of a raw string whose prefix has a length; 0 for a raw identifier such as `r#type`.
fn raw_string(rest: &[char], prefix: usize) -> usize {
    let hashes = rest[prefix..].iter().take_while(|&&mark| mark == '#').count();
    let open = prefix + hashes;
    if rest.get(open) != Some(&'"') {
        return 0;
    }
    let end: Vec<char> = std::iter::once('"').chain(std::iter::repeat_n('#', hashes)).collect();
    let close = rest[open + 1..].windows(end.len()).position(|window| window == end);
    close.map_or(rest.len(), |close| open + 1 + close + end.len())
}

fn is_name(mark: char) -> bool {
    mark.is_alphanumeric() || mark == '_'
}

fn split(code: &str) -> Vec<String> {
    let (mut tokens, mut rest) = (Vec::new(), code.trim_start());
    while let Some(first) = rest.chars().next() {
        let length = if is_name(first) {
            rest.find(|mark| !is_name(mark)).unwrap_or(rest.len())
        } else if rest.starts_with("::") {
            2
        } else {
            first.len_utf8()
        };
        tokens.push(rest[..length].to_owned());
        rest = rest[length..].trim_start();
    }
    tokens
}

fn without_test_items(tokens: &[String]) -> Vec<String> {
    let (mut kept, mut at) = (Vec::new(), 0);
    while at < tokens.len() {
        if tokens[at] == "#" && tokens.get(at + 1).is_some_and(|token| token == "[") {
            let end = at + 1 + group(&tokens[at + 1..]);
            let attribute = &tokens[at..end];
            let holds = |name: &str| attribute.iter().any(|token| token == name);
            at = if holds("cfg") && holds("test") && !holds("not") { item_end(tokens, end) } else { end };
        } else {
            kept.push(tokens[at].clone());
            at += 1;
        }
    }
    kept
}

/// The position behind an item: its first `;`, or its first block.
fn item_end(tokens: &[String], start: usize) -> usize {
    let mut at = start;
    while at < tokens.len() {
        match tokens[at].as_str() {
            ";" => return at + 1,
            "{" => return at + group(&tokens[at..]),
            "(" | "[" => at += group(&tokens[at..]),
            _ => at += 1,
        }
    }
    at
}

/// The length of a bracketed group, both brackets included.
pub fn group(tokens: &[String]) -> usize {
    let mut depth = 0;
    for (at, token) in tokens.iter().enumerate() {
        match token.as_str() {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at + 1;
        }
    }
    tokens.len()
}
