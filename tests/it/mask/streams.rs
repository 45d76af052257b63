//! Streams: what is written at once, what waits, and what a writer does about errors.

use std::io::{self, ErrorKind, Write};
use std::sync::{Arc, Mutex};

use super::{check, check_bytes, masker};

/// Checks what is written after each piece, and at the end.
#[track_caller]
fn check_steps(values: &[&str], steps: &[(&str, &str)], end: &str) {
    let masker = masker(values);
    let (mut masking, mut out) = (masker.masking(), Vec::new());
    for (piece, expected) in steps {
        masking.push(piece.as_bytes(), &mut out);
        assert_eq!(String::from_utf8_lossy(&out), *expected, "after {piece:?}");
        out.clear();
    }
    masking.finish(&mut out);
    assert_eq!(String::from_utf8_lossy(&out), end, "at the end");
}

#[test]
fn a_prompt_waits_only_if_a_pattern_begins_with_its_end() {
    check_steps(&["hunter2"], &[("> ", "> "), ("y\n", "y\n")], "");
    check_steps(&["> hunter2"], &[("a> ", "a"), ("y", "> y")], "");
    check_steps(&[" hunter2"], &[("> ", ">"), ("hunter2", ""), ("x", "***x")], "");
    check_steps(&["hunter2"], &[("Oh", "O"), ("?", "h?")], "");
}

#[test]
fn a_run_waits_since_it_may_become_longer() {
    check_steps(&["hunter2"], &[("hunter2", ""), ("hunter2", ""), ("\n", "***\n")], "");
    check_steps(&["hunter2"], &[("hunter2", ""), ("hun", ""), (".", "***hun.")], "");
    check_steps(&["hunter2"], &[("a hunter2", "a ")], "***");
    check_steps(
        &["hunter2", "r2--abc"],
        &[("hunter2-", ""), ("-ab", ""), ("c", ""), (" ", "*** ")],
        "",
    );
}

#[test]
fn closed_runs_inside_of_a_beginning_wait_with_it() {
    let long = "<hunter2 hunter2 hunter2>";
    let steps = [("<hunter2 hunter2 ", ""), ("hunter!", "<*** *** hunter!")];
    check_steps(&[long, "hunter2"], &steps, "");
    check_steps(&[long, "hunter2"], &[("<hunter2 hunter2 ", "")], "***");
}

#[test]
fn a_text_that_is_finished_does_not_go_on() {
    let masker = masker(&["hunter2"]);
    let (mut masking, mut out) = (masker.masking(), Vec::new());
    masking.push(b"hunt", &mut out);
    masking.finish(&mut out);
    masking.push(b"er2 hunter2", &mut out);
    masking.finish(&mut out);
    masking.finish(&mut out);
    assert_eq!(out, b"hunter2 ***");
}

#[test]
fn bytes_that_are_not_utf_8_pass() {
    let masker = masker(&["hunter2", "grüße-日本"]);
    check_bytes(&masker, b"\xff\xfe\0hunter2\x80\xc3", b"\xff\xfe\0***\x80\xc3");
    check_bytes(&masker, "grüße-日本".as_bytes(), b"***");
    check_bytes(&masker, &"grüße-日本".as_bytes()[..7], b"***");
    check_bytes(&masker, b"gr\xfc\xdfe", b"gr\xfc\xdfe");
}

#[test]
fn without_values_all_passes() {
    check(&[], "hunter2 * • #", "hunter2 * • #");
    check(&[], "", "");
    check(&["short"], "short", "short");
}

#[test]
fn the_mask_is_in_no_pattern() {
    for (values, mask) in [
        (vec!["hunter2"], "***"),
        (vec!["hunter*2"], "•••"),
        (vec!["hunter*2", "•••••••"], "###"),
        (vec!["*•#*•#"], "───"),
        (vec!["*•#─━│┃"], "┄┄┄"),
        (vec!["*****", "hunter2"], "***"),
    ] {
        let masker = masker(&values);
        assert_eq!(masker.replacement(), mask);
        values
            .iter()
            .filter(|value| value.len() > 5)
            .for_each(|value| check(&[value], value, masker_of(value)));
    }
    check(&["******"], "*******", "•••");
}

fn masker_of(value: &str) -> &'static str {
    let masks = ["***", "•••", "###", "───", "┄┄┄"];
    let mask = masker(&[value]).replacement().to_owned();
    masks.into_iter().find(|one| *one == mask).unwrap()
}

/// A writer that takes one byte at a time, and fails at some calls.
#[derive(Clone, Debug, Default)]
struct Broken {
    written: Arc<Mutex<Vec<u8>>>,
    calls: usize,
    fails: Vec<usize>,
}

impl Broken {
    fn text(&self) -> String {
        String::from_utf8(self.written.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Broken {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.calls += 1;
        match self.calls {
            call if self.fails.contains(&call) => Err(ErrorKind::WouldBlock.into()),
            call if call % 3 == 0 => Err(ErrorKind::Interrupted.into()),
            _ => {
                self.written.lock().unwrap().push(bytes[0]);
                Ok(1)
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn no_byte_is_lost_or_written_twice_after_an_error() {
    let text = "a hunter2 b hunter2 c";
    for fail in 1..20 {
        let broken = Broken { fails: vec![fail, fail + 1], ..Broken::default() };
        let mut writer = masker(&["hunter2"]).writer(broken.clone());
        let mut rest = text.as_bytes();
        while !rest.is_empty() {
            match writer.write(&rest[..rest.len().min(4)]) {
                Ok(len) => rest = &rest[len..],
                Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
            }
        }
        while writer.flush().is_err() {}
        drop(writer);
        assert_eq!(broken.text(), "a *** b *** c", "failed at {fail}");
    }
}

#[test]
fn errors_of_the_writer_are_those_of_finish() {
    let broken = Broken { fails: (1..100).collect(), ..Broken::default() };
    let mut writer = masker(&["hunter2"]).writer(broken.clone());
    assert_eq!(writer.write(b"abc").unwrap(), 3, "an error comes from the next call");
    assert_eq!(writer.write(b"def").unwrap_err().kind(), ErrorKind::WouldBlock);
    assert_eq!(writer.finish().unwrap_err().kind(), ErrorKind::WouldBlock);
    assert_eq!(broken.text(), "");
}

/// The output that a writer holds does not become large.
#[test]
fn one_call_takes_at_most_64_kib() {
    struct Longest(usize);
    impl Write for Longest {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 = self.0.max(bytes.len());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut writer = masker(&["hunter2"]).writer(Longest(0));
    assert_eq!(writer.write(&[b'x'; 200_000]).unwrap(), 64 * 1024);
    writer.write_all(&[b'x'; 200_000]).unwrap();
    assert_eq!(writer.finish().unwrap().0, 64 * 1024);
}

#[test]
fn the_drop_of_a_writer_finishes() {
    let broken = Broken::default();
    let mut writer = masker(&["hunter2-hunter3"]).writer(broken.clone());
    writer.write_all(b"token: hunter2-h").unwrap();
    writer.flush().unwrap();
    assert_eq!(broken.text(), "token: ");
    drop(writer);
    assert_eq!(broken.text(), "token: ***");
}

#[test]
fn a_panic_of_the_program_finishes_and_one_of_the_other_writer_does_not() {
    let broken = Broken::default();
    let mut writer = masker(&["hunter2-hunter3"]).writer(broken.clone());
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(move || {
        writer.write_all(b"token: hunter2-h").unwrap();
        std::panic::resume_unwind(Box::new(()));
    }));
    assert!(caught.is_err());
    assert_eq!(broken.text(), "token: ***");

    struct Panics(Arc<Mutex<usize>>);
    impl Write for Panics {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            *self.0.lock().unwrap() += 1;
            std::panic::resume_unwind(Box::new(()));
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let calls = Arc::new(Mutex::new(0));
    let mut writer = masker(&["hunter2"]).writer(Panics(Arc::clone(&calls)));
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(move || {
        let _ = writer.write(b"text");
    }));
    assert!(caught.is_err());
    assert_eq!(*calls.lock().unwrap(), 1, "it is not called while it unwinds");
}

#[test]
fn debug_shows_no_value() {
    let masker = masker(&["hunter2-hunter3", "short"]);
    let (mut masking, mut writer) = (masker.masking(), masker.writer(Vec::new()));
    masking.push(b"hunter2-", &mut Vec::new());
    writer.write_all(b"hunter2-").unwrap();
    assert_eq!(format!("{masker:?}"), "Masker { skipped: [\"v1\"], .. }");
    assert_eq!(format!("{masking:?} {writer:?}"), "Masking { .. } MaskingWriter { .. }");
}

/// As in the guide.
#[test]
fn a_log_of_tracing_is_masked() {
    let (masker, log) = (masker(&["hunter2\"hunter3"]), Broken::default());
    let writer = log.clone();
    let make = move || masker.writer(writer.clone());
    let subscriber =
        tracing_subscriber::fmt().with_writer(make).without_time().with_target(false).finish();
    tracing::subscriber::with_default(subscriber, || {
        tracing::warn!(token = "hunter2\"hunter3", "refused hunter2\"hunter3");
        tracing::info!(token = ?Some("hunter2\"hunter3"), "again");
    });
    assert_eq!(log.text(), " WARN refused *** token=\"***\"\n INFO again token=Some(\"***\")\n");
}
