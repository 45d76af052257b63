//! Many values, long ones, and long streams, against `aho-corasick`.

use std::io::Write;

use aho_corasick::AhoCorasick;
use proptest::prelude::*;
use secrets_toml::Document;
use secrets_toml::mask::{MAX_PATTERNS_LEN, Masker};

use super::{check_bytes, masker};
use crate::dice::Dice;
use crate::masked;

/// Returns the output by the occurrences that `aho-corasick` finds.
fn expected(patterns: &[String], text: &[u8], mask: &str) -> Vec<u8> {
    let search = AhoCorasick::new(patterns).unwrap();
    let found: Vec<_> = search.find_overlapping_iter(text).map(|found| found.range()).collect();
    masked::masked_with(patterns, found, text, mask)
}

#[track_caller]
fn check_against_other(values: &[&str], text: &[u8], dice: &mut Dice) {
    let (masker, patterns) = (masker(values), masked::patterns(values.iter().copied()).unwrap());
    let expected = expected(&patterns, text, masker.replacement());
    let (mut masking, mut out, mut rest) = (masker.masking(), Vec::new(), text);
    while !rest.is_empty() {
        let most = [1, 3, 9, 50, 300, 70_000][dice.roll(6)];
        let (piece, behind) = rest.split_at((1 + dice.roll(most)).min(rest.len()));
        masking.push(piece, &mut out);
        rest = behind;
    }
    masking.finish(&mut out);
    assert!(out == expected, "{values:?} in {:?}", String::from_utf8_lossy(text));
}

/// A text of parts of patterns, so that most of it nearly is one.
fn nearly(patterns: &[String], len: usize, dice: &mut Dice) -> Vec<u8> {
    let mut text = Vec::new();
    while text.len() < len {
        let pattern = patterns[dice.roll(patterns.len())].as_bytes();
        let end = dice.roll(pattern.len()) + 1;
        let start = if dice.roll(2) == 0 { 0 } else { dice.roll(end) };
        text.extend(pattern[start..end].repeat(1 + dice.roll(3) / 2));
        if dice.roll(4) == 0 {
            text.extend(&b"log text, with \xff and \n"[..dice.roll(22)]);
        }
    }
    text
}

fn word(alphabet: &[u8], len: usize, dice: &mut Dice) -> String {
    (0..len).map(|_| char::from(alphabet[dice.roll(alphabet.len())])).collect()
}

#[test]
fn periodic_overlapping_and_nested_values() {
    let mut dice = Dice(0x1234_5678_9ABC_DEF1);
    for _ in 0..crate::full::times(300) {
        let alphabet: &[u8] =
            [&b"ab"[..], b"aab*", b"abc\"'\\/ ", b"0123456789abcdef"][dice.roll(4)];
        let count = 1 + dice.roll(12);
        let mut values: Vec<String> = Vec::new();
        for _ in 0..count {
            let len = 6 + dice.roll(30);
            values.push(match dice.roll(4) {
                0 => {
                    word(alphabet, 1 + dice.roll(4), &mut dice).repeat(20)[..len.min(20)].to_owned()
                }
                1 if !values.is_empty() => {
                    let of = &values[dice.roll(values.len())];
                    of[dice.roll(of.len())..].to_owned() + &word(alphabet, 6, &mut dice)
                }
                2 if !values.is_empty() => {
                    let inside = &values[dice.roll(values.len())];
                    word(alphabet, 3, &mut dice) + inside + &word(alphabet, 3, &mut dice)
                }
                _ => word(alphabet, len, &mut dice),
            });
        }
        let values: Vec<&str> = values.iter().map(String::as_str).collect();
        let patterns = masked::patterns(values.iter().copied()).unwrap();
        let text = nearly(&patterns, 3000, &mut dice);
        check_against_other(&values, &text, &mut dice);
    }
}

#[test]
fn ten_thousand_values() {
    let mut dice = Dice(0xDEAD_BEEF_CAFE_F00D);
    let mut value = |i: usize| {
        let random = word(b"abcdefgh01234567", 6, &mut dice);
        random + &word(b"ABC_-/ 9", i % 30, &mut dice)
    };
    let values: Vec<String> = (0..10_000).map(&mut value).collect();
    let values: Vec<&str> = values.iter().map(String::as_str).collect();
    let patterns = masked::patterns(values.iter().copied()).unwrap();
    assert!(patterns.len() > 60_000, "{}", patterns.len());
    let text = nearly(&patterns, 60_000, &mut dice);
    check_against_other(&values, &text, &mut dice);
}

#[test]
fn values_of_sixteen_kilobytes() {
    let mut dice = Dice(0xABCD_EF01_2345_6789);
    let periodic = word(b"ab", 7, &mut dice).repeat(2000);
    let values: [&str; 4] = [
        &periodic,
        &format!("{}c", &periodic[..9000]),
        &word(b"ab\n", 16 * 1024, &mut dice),
        &"a".repeat(16 * 1024 + 1),
    ];
    let patterns = masked::patterns(values).unwrap();
    let text = nearly(&patterns, 200_000, &mut dice);
    check_against_other(&values, &text, &mut dice);
}

/// In a large automaton, `xab` has a row, since it has many children. Its suffix `ab` has none. If `q`
/// comes, the text goes on as `abq`.
#[test]
fn a_row_has_the_children_of_a_suffix_without_one() {
    let mut dice = Dice(0x0BAD_CAFE_0BAD_CAFE);
    let long = word(b"cdefghijklmnopqrstuvwyz", 20_000, &mut dice);
    let values = ["xabc-1111", "xabd-2222", "xabe-3333", "xabf-4444", "xabg-5555", "xabh-6666"];
    let values: Vec<&str> = values.into_iter().chain(["abqrstuv", &long]).collect();
    let masker = masker(&values);
    // Byte by byte, since the filter would skip the `x`.
    check_bytes(&masker, b"xabqrstuv xabd-2222 xabq abqrstuv", b"x*** *** xabq ***");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: crate::full::times(1000) as u32, failure_persistence: None, ..ProptestConfig::default() })]

    /// Any values in any text, against the definition.
    #[test]
    fn the_law_holds(
        values in prop::collection::vec("[ab*•#─\"'\\\\\n/é]{0,14}", 0..5),
        parts in prop::collection::vec((any::<prop::sample::Index>(), 0..40_usize, 0..40_usize, ".{0,2}"), 0..10),
        cuts in prop::collection::vec(0..30_usize, 0..20),
    ) {
        let values: Vec<&str> = values.iter().map(String::as_str).collect();
        let patterns = masked::patterns(values.iter().copied()).unwrap();
        let mut text = Vec::new();
        for (i, from, to, other) in &parts {
            let pattern = if patterns.is_empty() { "" } else { i.get(&patterns) }.as_bytes();
            let to = *to.min(&pattern.len());
            text.extend(&pattern[*from.min(&to)..to]);
            text.extend(other.as_bytes());
        }
        let masker = masker(&values);
        let (mut masking, mut out, mut place) = (masker.masking(), Vec::new(), 0);
        let found = masked::occurrences(&patterns, &text);
        for cut in cuts.into_iter().chain([usize::MAX >> 1]) {
            let next = text.len().min(place + cut);
            masking.push(&text[place..next], &mut out);
            place = next;
            let complete = masked::complete(&patterns, &found, &text[..place], masker.replacement());
            prop_assert_eq!(&out, &complete);
        }
        masking.finish(&mut out);
        prop_assert_eq!(&out, &masked::masked(&patterns, &text, masker.replacement()));
        let is_in = |pattern: &String| out.windows(pattern.len()).any(|part| part == pattern.as_bytes());
        prop_assert!(!patterns.iter().any(is_in), "a pattern is in the output");
    }
}

#[test]
fn patterns_have_a_limit() {
    // A value of 20,000 bytes is not spelled, and it is one line.
    let values =
        |count: usize| -> Vec<String> { (0..count).map(|i| format!("{i:020000}")).collect() };
    let masker = |count: usize| {
        let lines = values(count).into_iter().enumerate();
        let lines: Vec<String> = lines.map(|(i, value)| format!("v{i} = '{value}'\n")).collect();
        let documents: Vec<Document> =
            lines.chunks(40).map(|lines| Document::parse(lines.concat()).unwrap()).collect();
        Masker::new(&documents.iter().chain(&documents).collect::<Vec<_>>())
    };
    let most = MAX_PATTERNS_LEN / 20_000;
    assert!(masker(most).is_ok(), "the same document twice counts once");
    let error = masker(most + 1).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the values and their spellings have more than 4194304 bytes (store large files elsewhere, \
         or mask fewer documents)",
    );
    assert_eq!(format!("{error:?}"), "MaskerError");
}

/// The bytes that wait are not kept, so a stream takes no more memory than its pieces.
#[test]
fn a_stream_of_a_hundred_megabytes_takes_constant_memory() {
    struct Count(usize);
    impl Write for Count {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            assert!(bytes.len() <= 80 * 1024, "{} bytes at once", bytes.len());
            self.0 += bytes.len();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let size = crate::full::times(100 << 20) / 2;
    // One run without an end, text without a value, and values between text.
    for (piece, expected) in
        [("hunter2", 3), ("abcdefg", size / 7 * 7), ("hunter2\n", size / 8 * 4)]
    {
        let piece_of = piece.repeat(8 * 1024);
        let mut writer = masker(&["hunter2"]).writer(Count(0));
        for _ in 0..size / piece_of.len() {
            writer.write_all(piece_of.as_bytes()).unwrap();
        }
        let written = writer.finish().unwrap().0;
        assert!(
            written <= expected && written + piece_of.len() >= expected,
            "{written} of {expected}"
        );
    }
}
