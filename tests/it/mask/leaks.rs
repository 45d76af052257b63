//! The leaks of other maskers, by the name of the tool.

use std::thread::sleep;
use std::time::Duration;

use super::{check, document, masker};
use secrets_toml::mask::Masker;

#[test]
fn github_masks_each_one_in_the_log_after_a_secret_of_one_character() {
    let masker = masker(&["1", "", "12345"]);
    assert_eq!(masker.mask("1 of 12345"), "1 of 12345");
    assert_eq!(masker.skipped().collect::<Vec<_>>(), ["v0", "v1", "v2"]);
}

#[test]
fn github_masks_each_line_of_a_value_however_short() {
    check(&["{\n  \"a\": \"hunter2-hunter3\"\n}"], "fn main() {\n}", "fn main() {\n}");
}

#[test]
fn gitlab_prints_a_periodic_secret_that_is_cut_at_the_border_of_a_chunk() {
    check(&["abababab"], "xabababababab.", "x***.");
    check(&["aaaaaaaa"], &"a".repeat(100), "***");
    check(&["aabaabaab"], "aabaabaabaabaab", "***");
    check(&["aabaabaac"], "aabaabaabaac", "aab***");
}

#[test]
fn gitlab_forgets_a_prefix_when_another_pattern_begins_in_it() {
    check(&["abcabcabd", "bcabca"], "abcabcabcabd", "a***");
    check(&["abcabcabd", "abcabca"], "abcabcabcabd", "***");
    check(&["abcdefgh", "cdefxx"], "abcdefxx", "ab***");
    check(&["abcdefgh", "cdefxx"], "abcdefgxcdefxx", "abcdefgx***");
}

#[test]
fn dotenvx_prints_the_tail_of_overlapping_values() {
    check(&["hunter2-abc", "abc-defghi"], "hunter2-abc-defghi!", "***!");
    check(&["abcdef", "abcdefghij"], "abcdefghij", "***");
    check(&["abcdef", "abcdefghij"], "abcdefgh", "***");
    check(&["abcdef", "abcdefghij"], "abcdefgh.", "***gh.");
    check(&["abcdefghij", "cdefgh"], "abcdefghij cdefgh", "*** ***");
}

#[test]
fn dotenvx_prints_the_rest_of_a_value_that_contains_another() {
    check(&["password", "my-password-is-long"], "my-password-is-long my-password-is", "*** ***");
    check(&["password", "my-password-is-long"], "my-password-isn't", "my-***-isn't");
}

#[test]
fn jenkins_never_matches_a_value_of_several_lines() {
    let value = "first line\nsecond line";
    check(&[value], "log: first line\nsecond line\n", "log: ***\n");
    check(&[value], "log: first line\r\nsecond line\r\n", "log: ***\r\n");
    check(&[value], "[1] first line\n[2] second line\n", "[1] ***\n[2] ***\n");
}

#[test]
fn jenkins_prints_a_value_in_the_quotes_of_the_shell() {
    check(&["it's-hunter2"], "+ curl -H 'X: it'\\''s-hunter2'", "+ curl -H 'X: ***'");
}

#[test]
fn varlock_prints_a_held_prefix_after_a_while() {
    let masker = masker(&["hunter2-hunter3"]);
    let (mut masking, mut out) = (masker.masking(), Vec::new());
    masking.push(b"token: hunter2-", &mut out);
    sleep(Duration::from_millis(150));
    assert_eq!(out, b"token: ");
    masking.push(b"hunter3\n", &mut out);
    assert_eq!(out, b"token: ***\n");
}

#[test]
fn all_print_the_beginning_of_a_secret_at_the_end_of_the_stream() {
    check(&["hunter2-hunter3"], "token: hunter2-hunter", "token: ***");
    check(&["hunter2-hunter3"], "token: hunter", "token: ***");
    check(&["hunter2-hunter3"], "token: hunte", "token: hunte");
    check(&["hunter2-hunter3"], "hunter2-hunter3hunter2", "***");
    check(&["hunter2-hunter3"], "hunter2-hunter3hunt", "***hunt");
}

#[test]
fn a_mask_of_asterisks_completes_a_value_that_holds_them() {
    check(&["a*****b", "hunter2"], "a*hunter2*b", "a*•••*b");
    check(&["pass***word", "hunter2"], "passhunter2word", "pass•••word");
}

/// A reload: what was printed before it, and what is printed after it.
#[test]
fn old_and_new_values_are_masked() {
    let (old, new) = (document(&["hunter2"]), document(&["hunter3"]));
    let masker = Masker::new(&[&old, &new]).unwrap();
    assert_eq!(masker.mask("hunter2 hunter3 hunter4"), "*** *** hunter4");
}
