//! Compares masking a stream with `aho-corasick`'s search for the same patterns in it, which masks
//! nothing: `cargo bench -p benches --bench mask`.
//!
//! Rates are of log text with 8, 48 and 400 values, of texts that are made to be slow, and of the fuzzer's
//! input on which the ratio is worst.

#[path = "mask/laws.rs"]
#[allow(dead_code, clippy::unwrap_used, reason = "a part of it is used")]
mod laws;
#[path = "mask/logs.rs"]
mod logs;

use std::fs;
use std::hint::black_box;
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use aho_corasick::AhoCorasick;
use benches::limits::Limits;
use benches::turns;
use secrets_toml::Document;
use secrets_toml::mask::Masker;

use crate::laws::mask::Case;
use crate::laws::masked;

/// The numbers of values.
const VALUES: [usize; 3] = [8, 48, 400];

/// The length of a text, in bytes. One search of it is so short that other processes seldom interrupt it.
const LEN: usize = 1 << 17;

/// The bytes that are pushed at once, as from a pipe.
const PUSHED: usize = 64 * 1024;

/// The least rate, as a multiple of that of `aho-corasick`.
const LEAST: f64 = 1.5;
const LEAST_OF_WORST: f64 = 0.25;

fn main() -> ExitCode {
    let mut limits = Limits::from_args();
    println!(
        "{:>18}  {:>8}  {:>12}  {:>12}  {:>6}  limit",
        "text", "patterns", "mask", "aho-corasick", "ratio"
    );
    for count in VALUES {
        let values = logs::values(count);
        let text = logs::text(&values, LEN);
        let patterns = masked::patterns(values.iter().map(String::as_str)).unwrap_or_default();
        let search = Both::new(&logs::document(&values), &patterns);
        let ratio = search.time(&format!("log, {count} values"), &text);
        println!("{}", limits.at_least(ratio, LEAST));
        // Most of this text nearly is a pattern.
        let ratio = search.time(&format!("parts, {count} values"), &logs::parts(&patterns, LEN));
        println!("{}", limits.at_least(ratio, LEAST_OF_WORST));
    }
    for (name, values, text) in logs::periodic(LEN) {
        let patterns = masked::patterns(values.iter().map(String::as_str)).unwrap_or_default();
        let search = Both::new(&logs::document(&values), &patterns);
        let ratio = search.time(name, &text);
        println!("{}", limits.at_least(ratio, LEAST_OF_WORST));
    }
    if let Some((name, search, text)) = worst() {
        let ratio = search.time(&name, &text);
        println!("{}", limits.at_least(ratio, LEAST_OF_WORST));
    }
    limits.end()
}

/// Both searches for the same patterns.
struct Both {
    masker: Masker,
    other: AhoCorasick,
}

impl Both {
    fn new(document: &Document, patterns: &[String]) -> Self {
        let masker = Masker::new(&[document]).expect("few values");
        let other = AhoCorasick::new(patterns).expect("few patterns");
        Self { masker, other }
    }

    fn mask(&self, text: &[u8]) -> usize {
        let (mut masking, mut out, mut len) = (self.masker.masking(), Vec::new(), 0);
        for bytes in text.chunks(PUSHED) {
            masking.push(bytes, &mut out);
            len += out.len();
            out.clear();
        }
        masking.finish(&mut out);
        len + out.len()
    }

    fn search(&self, text: &[u8]) -> usize {
        self.other.stream_find_iter(text).filter(Result::is_ok).count()
    }

    /// Prints a row without its limit, and returns the ratio of the rates.
    fn time(&self, name: &str, text: &[u8]) -> f64 {
        let times = turns::medians(&mut [
            ("mask", Box::new(|| _ = black_box(self.mask(black_box(text))))),
            ("aho-corasick", Box::new(|| _ = black_box(self.search(black_box(text))))),
        ]);
        let rates: Vec<_> = times.iter().map(|time| text.len() as f64 / time / 1e6).collect();
        let ratio = rates[0] / rates[1];
        let patterns = self.other.patterns_len();
        print!(
            "{name:>18}  {patterns:>8}  {:>7.0} MB/s  {:>7.0} MB/s  {ratio:>5.2}x  ",
            rates[0], rates[1]
        );
        ratio
    }
}

/// Returns the fuzzer's input with the worst ratio. Its text is repeated until it is long.
fn worst() -> Option<(String, Both, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus/mask");
    let files = fs::read_dir(folder).expect("the corpus").flatten();
    let ratio_of = |path: &Path| {
        let case = Case::new(&fs::read(path).ok()?)?;
        if case.text.is_empty() || case.patterns.is_empty() {
            return None;
        }
        let search = Both::new(&case.document, &case.patterns);
        let text = case.text.repeat(LEN / 4 / case.text.len() + 1);
        let time = |run: &dyn Fn()| {
            let once = |_| {
                let start = Instant::now();
                run();
                start.elapsed()
            };
            (0..5).map(once).min().unwrap_or_default().as_secs_f64()
        };
        let mask = time(&|| _ = black_box(search.mask(&text)));
        let other = time(&|| _ = black_box(search.search(&text)));
        let name = path.file_name()?.to_string_lossy().into_owned();
        Some((other / mask, name, search, text))
    };
    let all = files.filter_map(|file| ratio_of(&file.path()));
    all.min_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, name, search, text)| (name, search, text))
}
