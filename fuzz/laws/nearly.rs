//! Texts that are nearly valid: lines of few keys and many values, and now and then a piece out of place.
//! Each byte of the fuzzer's input is a choice.

use std::fmt::Write;

use secrets_toml::MAX_LEN;

#[rustfmt::skip]
const KEYS: [&str; 16] = [
    "a", "b", "c", "k1", "k33", "'a'", "\"b\"", "\"\\u0061\"", "\"\"", "''", "\"é\"", "1", "-_", "a b",
    "a.b", "b . 'c'",
];

#[rustfmt::skip]
const VALUES: [&str; 64] = [
    "1", "0", "-0", "+7", "01", "1_000", "1__0", "999999999999999999", "1000000000000000000",
    "9223372036854775807", "9223372036854775808", "0x1_f", "0o7", "0b1", "0x", "1.5", "0.5", "00.5", "1.",
    ".5", "1.5e3", "1e400", "-1.5", "1_0.5", "inf", "-nan", "true", "false", "True", "1979-05-27",
    "1979-05-27T07:32:00Z", "1979-05-27 07:32", "1979-05-27 7", "07:32:00.5", "1979-13-01", "1 2", "\"\"",
    "\"v\"", "\"a\tb\"", "\"é日\u{1F600}\"", "\"\\b\\t\\n\\f\\r\\e\\\"\\\\\"", "\"\\x41\\u00e9\\U0001F600\"",
    "\"\\ud800\"", "\"\\q\"", "\"\\", "\"a\u{1}\"", "\"a\u{7f}\"", "''", "'v\\'", "'a\tb'", "'a\u{1f}'", "'",
    "\"\"\"\"\"\"", "\"\"\"\nx\n\"\"\"", "\"\"\"\"x\"\"\"\"\"", "\"\"\"x\"\"\"\"\"\"", "\"\"\"a\\\n  \n b\\t\"\"\"",
    "\"\"\"\\ \n\"\"\"", "\"\"\"\\ x\"\"\"", "''''''", "'''\n\nx\\\n'''", "''''x'''''", "'''x", "\"0123456789abcdef\"",
];

#[rustfmt::skip]
const PIECES: [&str; 32] = [
    "a", "\"", "'", "\"\"\"", "'''", "\\", "[", "]", "[[", "]]", "{", "}", ",", ".", "=", "#", " ", "\t", "\n", "\r",
    "\r\n", "\0", "\u{1f}", "\u{7f}", "\u{feff}", "é", "1", "-", "_", ":", "\\\n", "# é\ttab",
];

/// Makes a text of the choices.
pub(crate) fn text(data: &[u8]) -> String {
    let (&options, choices) = data.split_first().unwrap_or((&0, &[]));
    let mut choices = Choices(choices.iter());
    let mut text = String::new();
    while let Some(choice) = choices.0.next() {
        choices.line(choice % 16, &mut text);
    }
    if options & 1 == 1 {
        text = text.replace('\n', "\r\n");
    }
    if options & 2 == 2 {
        text.truncate(text.trim_end().len());
    }
    // Seldom, since a long text takes long. The last byte is a choice once more.
    if options >> 2 == 63 {
        let len = MAX_LEN - 1 + usize::from(data[data.len() - 1]) % 3;
        let padding = len.saturating_sub(text.len() + "\n#".len());
        text.push_str("\n#");
        text.extend(std::iter::repeat_n('x', padding));
    }
    text
}

struct Choices<'a>(std::slice::Iter<'a, u8>);

impl Choices<'_> {
    /// The next choice. There is always one: after the last, it is 0.
    fn next(&mut self) -> usize {
        self.0.next().map_or(0, |&choice| usize::from(choice))
    }

    fn key(&mut self) -> &'static str {
        KEYS[self.next() % KEYS.len()]
    }

    fn line(&mut self, choice: u8, text: &mut String) {
        let written = match choice {
            0 => writeln!(text, "[{}]", self.key()),
            1 => writeln!(text, "[ {} . {} ]", self.key(), self.key()),
            2 => writeln!(text, "[[{}]]", self.key()),
            3 => writeln!(text, "[[{}.{}]] # é", self.key(), self.key()),
            4 => writeln!(text, "{}.{} = {}", self.key(), self.key(), self.value(0)),
            5 => {
                // Around the most keys of a table that are not hashed.
                let (first, keys) = (self.next() % 40, 31 + self.next() % 5);
                let mut keys = first..first + keys;
                keys.try_for_each(|key| writeln!(text, "k{key} = {key}"))
            }
            6 => {
                // The same in one inline table.
                let keys = 31 + self.next() % 5;
                let keys: String = (0..keys).map(|key| format!("k{key} = {key}, ")).collect();
                writeln!(text, "{} = {{ {keys}{} = 1 }}", self.key(), self.key())
            }
            7 => {
                text.push_str(PIECES[self.next() % PIECES.len()]);
                Ok(())
            }
            8 => writeln!(text, "\t# {}", PIECES[self.next() % PIECES.len()]),
            9 => {
                let (parts, last) = (self.next() % 90, self.key());
                writeln!(text, "{}{last} = 1", "d.".repeat(parts))
            }
            10 => {
                let depth = self.next() % 90;
                writeln!(text, "{} = {}{}", self.key(), "[".repeat(depth), "]".repeat(depth))
            }
            _ => writeln!(text, "{} = {}", self.key(), self.value(0)),
        };
        written.expect("writing to a String does not fail");
    }

    fn value(&mut self, depth: usize) -> String {
        match self.next() {
            choice @ 0..=191 => VALUES[choice % VALUES.len()].to_owned(),
            _ if depth > 3 => "[]".to_owned(),
            choice => {
                let separators = [",", ", ", " ,\n", ",\n # c\n", "\n", ""];
                let separator = separators[choice / 4 % separators.len()];
                let values: Vec<String> = (0..self.next() % 4)
                    .map(|_| match choice % 2 {
                        0 => self.value(depth + 1),
                        _ => format!("{} = {}", self.key(), self.value(depth + 1)),
                    })
                    .collect();
                let end = ["", ",", "\n", " "][choice / 32 % 4];
                let [open, close] = [["[", "]"], ["{", "}"]][choice % 2];
                format!("{open}{}{end}{close}", values.join(separator))
            }
        }
    }
}
