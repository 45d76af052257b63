//! Masking: patterns, automaton and filter are wiped, and a stream keeps no text.

use std::io::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::OnceLock;

use aho_corasick::AhoCorasick;
use secrets_toml::mask::Masker;
use secrets_toml::{Document, Template};

use crate::masked;
use crate::probe;

/// Values with all kinds of escapes, a long one, lines, and a JSON document.
const TEXT: &str = r#"
A = "MASKCANARYplain-value"
B = "MASKCANARYit's \"quoted\"/\\ü\u0085\n second line of it"
ACCOUNT = '{"id": "MASKCANARYaccount", "key": "MASKCANARYe\u0073caped\tkey"}'
SHORT = "x"
PIN = 314159265358979323 # a number
"#;

const TEMPLATE: &str = "A = ''\nB = ''\nPIN = 0 # @secret\nSHORT = 'x'\n";

fn documents() -> [Document; 2] {
    static LONG: OnceLock<String> = OnceLock::new();
    let long = LONG.get_or_init(|| format!("LONG = '{}'\n", "MASKCANARYlong".repeat(1500)));
    [TEXT, long].map(|text| Document::parse(text).unwrap())
}

/// The patterns, which are watched.
fn patterns() -> &'static [String] {
    static PATTERNS: OnceLock<Vec<String>> = OnceLock::new();
    PATTERNS.get_or_init(|| {
        let [document, _] = documents();
        let strings = document.variables().filter_map(|(_, value)| value.as_str());
        let patterns = masked::patterns(strings).unwrap();
        let numbers = masked::patterns(["314159265358979323"]).unwrap();
        let watched = patterns.iter().chain(&numbers);
        probe::watch(watched.map(|pattern| pattern.clone().into_bytes()));
        let _ = documents();
        probe::watch([b"MASKCANARYlong".to_vec(), b"MASKCANARY".to_vec()]);
        patterns
    })
}

/// Runs a step, drops its result, and checks that no freed block holds a secret.
#[track_caller]
fn assert_wiped<T>(run: impl FnOnce(&str) -> T) {
    let text: String = patterns().iter().map(|pattern| format!("<{pattern}> ")).collect();
    let report = probe::during(|| drop(run(&text))).1;
    assert_eq!(report.hits, 0, "{report:?}");
    drop(text);
}

fn masker() -> Masker {
    let [first, second] = documents();
    Masker::new(&[&first, &second, &first]).unwrap()
}

/// The reason for an automaton of our own.
#[test]
fn the_probe_finds_what_other_automatons_leave() {
    let patterns = patterns();
    let hits = |run: fn(&[String])| probe::during(|| run(patterns)).1.hits;
    let hits = hits(|patterns| {
        let search = AhoCorasick::new(patterns).unwrap();
        assert!(search.is_match("MASKCANARYplain-value"));
    });
    assert!(hits > 0, "blocks with a pattern");
}

#[test]
fn making_a_masker() {
    assert_wiped(|_| masker());
    assert_wiped(|_| {
        let template = Template::parse(TEMPLATE).unwrap();
        let [first, second] = documents();
        let masker = Masker::for_template(&[&first, &second], &template).unwrap();
        assert_eq!(masker.skipped().collect::<Vec<_>>(), ["SHORT"]);
        (format!("{masker:?}"), masker.mask("<314159265358979323>").into_owned(), masker)
    });
}

/// The bytes of a pattern do not follow each other in the edges of an automaton, so no search finds them.
#[test]
fn no_large_block_of_a_masker_is_freed_unwiped() {
    const LARGE: usize = 8 << 10;
    let [first, second] = documents();
    // A small automaton has rows, and a large one has lists.
    for documents in [vec![&first], vec![&first, &second]] {
        let freed = probe::keep(|| drop(Masker::new(&documents).unwrap())).1;
        assert!(freed.at_least(LARGE) >= 10, "{} blocks", freed.at_least(LARGE));
        assert_eq!(freed.unwiped(LARGE), 0);
    }
}

#[test]
fn too_many_patterns() {
    let texts: Vec<String> = (0..5)
        .map(|i| {
            let line = |j| format!("v{j} = '{}{i}{j}'\n", "MASKCANARYlong".repeat(4000));
            (0..17).map(line).collect()
        })
        .collect();
    assert_wiped(|_| {
        let documents: Vec<_> = texts.iter().map(|text| Document::parse(text.as_str())).collect();
        let documents: Vec<_> =
            documents.iter().map(|document| document.as_ref().unwrap()).collect();
        let error = Masker::new(&documents).unwrap_err();
        format!("{error} {error:?}")
    });
}

#[test]
fn masking_a_text_and_a_stream() {
    assert_wiped(|text| {
        let masked = masker().mask(text).into_owned();
        assert!(!masked.contains("CANARY"), "{masked}");
    });
    for size in [1, 7, 4096] {
        assert_wiped(|text| {
            let masker = masker();
            let mut writer = masker.writer(Vec::new());
            for piece in text.as_bytes().chunks(size) {
                writer.write_all(piece).unwrap();
            }
            writer.write_all(b"MASKCANARYplain-val").unwrap();
            writer.flush().unwrap();
            writer.finish().unwrap()
        });
    }
}

#[test]
fn dropping_a_stream_in_the_middle_of_a_value() {
    assert_wiped(|_| {
        let masker = masker();
        let (mut masking, mut out) = (masker.masking(), Vec::new());
        masking.push(b"<MASKCANARYplain-val", &mut out);
        let mut writer = masker.writer(Vec::new());
        writer.write_all(b"<MASKCANARYplain-val").unwrap();
        (format!("{masking:?} {writer:?}"), masking, writer, out)
    });
}

#[test]
fn a_panic() {
    struct Panics;
    impl Write for Panics {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            resume_unwind(Box::new(()))
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    assert_wiped(|text| {
        let masker = masker();
        let mut writer = masker.writer(Panics);
        let caught = catch_unwind(AssertUnwindSafe(move || {
            let _ = writer.write(text.as_bytes());
            drop(masker);
        }));
        assert!(caught.is_err());
    });
}
