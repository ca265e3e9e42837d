//! Text of files, and names of files, on its way to a terminal: it must not steer it.

use std::borrow::Cow;
use std::env;
use std::fmt::Write;

/// Whether a terminal would obey a character instead of showing it: a control character, or one that turns the
/// direction of the text after it.
fn is_command(c: char) -> bool {
    c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Text on one line in which every character that steers a terminal is escaped, as Rust and Python write it in strings.
///
/// ```
/// use dcgan_core::terminal::escaped;
/// assert_eq!(escaped("wrote \u{1b}[2J.png\n"), "wrote \\u{1b}[2J.png\\n");
/// assert_eq!(escaped("größer 大"), "größer 大");
/// ```
pub fn escaped(text: &str) -> Cow<'_, str> {
    escape(text, is_command)
}

/// Text of several lines, whose line breaks stay, otherwise as [`escaped`].
pub fn escaped_lines(text: &str) -> Cow<'_, str> {
    escape(text, |c| c != '\n' && is_command(c))
}

/// JSON, whose strings are escaped further, as JSON has it: it allows some control characters as they are.
///
/// ```
/// use dcgan_core::terminal::escaped_json;
/// assert_eq!(escaped_json("{\n  \"model\": \"\u{9b}2J\"\n}"), "{\n  \"model\": \"\\u009b2J\"\n}");
/// ```
pub fn escaped_json(json: &str) -> Cow<'_, str> {
    replace(json, |c| c != '\n' && is_command(c), |out, c| write!(out, "\\u{:04x}", u32::from(c)))
}

/// Whether no argument of this program has a character in it that steers a terminal. What parses the arguments quotes
/// them in its messages as they are.
pub fn arguments_are_plain() -> bool {
    !env::args_os().any(|argument| argument.to_string_lossy().chars().any(is_command))
}

fn escape(text: &str, is_escaped: impl Fn(char) -> bool) -> Cow<'_, str> {
    replace(text, is_escaped, |out, c| write!(out, "{}", c.escape_default()))
}

fn replace(
    text: &str,
    is_replaced: impl Fn(char) -> bool,
    replacement: impl Fn(&mut String, char) -> std::fmt::Result,
) -> Cow<'_, str> {
    if !text.chars().any(&is_replaced) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match is_replaced(c) {
            // A String takes all that is written to it.
            true => drop(replacement(&mut out, c)),
            false => out.push(c),
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// C0, DEL, C1 (a terminal may take U+009B for ESC [), and what turns the direction of text.
    #[test]
    fn no_character_that_steers_a_terminal_is_left() {
        let commands = "a\u{1b}]0;t\u{7}\u{7f}\u{9b}2J\r\t\n\u{202e}b\u{2066}";
        assert_eq!(escaped(commands), "a\\u{1b}]0;t\\u{7}\\u{7f}\\u{9b}2J\\r\\t\\n\\u{202e}b\\u{2066}");
        assert_eq!(escaped_lines("a\n\u{1b}b"), "a\n\\u{1b}b");
        assert!(matches!(escaped("plain \\ text"), Cow::Borrowed(_)));
    }

    #[test]
    fn escaped_json_is_the_same_json() {
        let text = "\u{1b}\u{7f}\u{9b}\u{202e}\n\"\\";
        let json = serde_json::to_string_pretty(&[text]).unwrap();
        let escaped = escaped_json(&json);
        assert!(escaped.chars().all(|c| c == '\n' || !is_command(c)), "{escaped}");
        assert_eq!(serde_json::from_str::<[String; 1]>(&escaped).unwrap(), [text]);
    }
}
