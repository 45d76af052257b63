//! The two readers, which are reachable under `--cfg secrets_toml_readers` only.

use arbitrary::{Arbitrary, Unstructured};
use secrets_toml::readers::careful;

use crate::laws::agree::agree;
use crate::laws::texts::Text;
use shapes::SHAPES;

#[path = "../support/dice.rs"]
mod dice;
#[allow(dead_code, reason = "benches use the rest")]
#[path = "../support/shapes.rs"]
mod shapes;

#[test]
fn the_corpus_is_replayed() {
    crate::replay("readers", crate::laws::readers::check);
}

#[test]
fn they_agree_on_choices_at_random() {
    let mut dice = dice::Dice(0x2EAD);
    for _ in 0..20_000 {
        let mut choices: Vec<u8> = (0..dice.roll(40)).map(|_| dice.roll(256) as u8).collect();
        // Only the corpus has texts of a million bytes.
        if let Some(options) = choices.first_mut() {
            *options &= 3;
        }
        crate::laws::readers::check(&choices);
    }
}

#[test]
fn the_fast_reader_reads_every_usual_file() {
    for shape in SHAPES {
        for variables in [1, 5, 31, 32, 33, 34, 48, 1_500] {
            assert!(agree(&shape.document(variables)), "{shape:?}");
            assert!(agree(&shape.template(variables)), "{shape:?}");
            assert!(agree(&shape.document(variables).replace('\n', "\r\n")), "{shape:?}");
        }
    }
}

/// Whatever the fast reader can read, it reads: else it would be of no use.
#[test]
fn the_fast_reader_reads_what_is_plain() {
    let plain = [
        "",
        " ",
        "\t",
        "#",
        "# é\ta comment\n",
        "\n\r\n # c\r\n",
        "a=1",
        "a = 1\n",
        " \ta\t = \t1 \t# c\r\n",
        "-_09azAZ = 0",
        "'' = 1\n\"a\" . \"\" = 1",
        "'a' = 1\n\"b\\u0063\" = 1\n'd\"'.\"e'\" = 1",
        "a.b . c.\td.e.f.g.h = 1",
        "[a]\nb = 1\n[a.c]\nb = 1\n[ d . 'e' ]\n[f]#\n[d]",
        "[[a]]\nb = 1\n[[ a ]]\nb = 1\n[a.c]\nd = 1\n[[a.e]]",
        "a = \"\"\nb = ''\nc = \"v\"\nd = 'v\\'",
        "a = \"é\tv\"\nb = 'é\tv\"'",
        "a = \"\\b\\e\\f\\n\\r\\t\\\"\\\\ \\x41\\u00e9\\U0001F600 v\"",
        "a = \"\"\"\"\"\"\nb = ''''''",
        "a = \"\"\"\n\nv\tv\n\"\"\"\nb = '''\n\nv\tv\n'''",
        "a = \"\"\"\r\n\r\nv\r\n\"\"\"\nb = '''\r\n\r\nv\r\n'''",
        "a = \"\"\"\"\"v\"v\"\"v\"\"\"\"\"\nb = '''''v'v''v'''''",
        "a = \"\"\"v \\ \t\n \t\r\n\n  v\\t\\\r\nv\"\"\"",
        "a = 0\nb = 1\nc = 123456789012345678\nd = -1\ne = +1\nf = 1_0\ng = 9223372036854775807",
        "a = 0x1F\nb = 0o17\nc = 0b11\nd = true\ne = false",
        "a = 0.5\nb = 10.25\nc = -1.5e3\nd = 1_0.5\ne = inf\nf = -nan\ng = 1e5",
        "a = 1979-05-27\nb = 07:32\nc = 1979-05-27 07:32:00\nd = 1979-05-27T07:32:00.5-07:00",
        "a = [ ]\nb = [1,2 ,\n#c\n 3\t,\r\n]\nc = [[1], [ '' ], {}]\nd = [1]# c",
        "a = {}\nb = { c = 1, d.e = 2,\n f = {}, }\ng = {h=1}",
        "a = \"\"\"\nv\\tv\"\"\"\nb = '''\nv\r\nv'''",
        "a = 1979-05-27 # c\nb = [1979-05-27,1]\nc = [-1,2]",
        "a = [1.5,2.5]\nb = {c=1.5}\nd = [1.5#c\n]\ne = [1 ]",
    ];
    let unread: Vec<_> = plain.into_iter().filter(|text| !agree(text)).collect();
    assert!(unread.is_empty(), "{unread:#?}");
}

/// The limits of the fast reader, with the last text that is read and the first that is not.
#[test]
fn the_fast_reader_gives_up_beyond_its_limits() {
    let dotted = |parts: usize| format!("{}a = 1", "a.".repeat(parts - 1));
    let header = |parts: usize| format!("[{}a]", "a.".repeat(parts - 1));
    let arrays = |depth: usize| format!("a = {}{}", "[".repeat(depth), "]".repeat(depth));
    let tables =
        |depth: usize| format!("a = {}{}", "{a = ".repeat(depth - 1), "{") + &"}".repeat(depth);
    assert!(agree(&dotted(8)) && !agree(&dotted(9)));
    assert!(agree(&header(8)) && !agree(&header(9)));
    assert!(agree(&arrays(16)) && !agree(&arrays(17)));
    assert!(agree(&tables(16)) && !agree(&tables(17)));
    // A depth of 80, without many parts or nesting, and of 88.
    let path = "a.a.a.a.a.a.a.a";
    let deep = |keys: usize| {
        let (open, close) = (format!("{path} = {{").repeat(keys - 1), "}".repeat(keys - 1));
        format!("[{path}]\n{open}{path} = 1{close}")
    };
    assert!(agree(&deep(9)) && !agree(&deep(10)) && careful(&deep(10)).is_err());
    // A long float may be infinite.
    let float = |digits: usize| format!("a = 1{}.0", "0".repeat(digits - 1));
    assert!(agree(&float(190)) && agree(&float(300)) && !agree(&float(310)));
    assert!(careful(&float(310)).is_err());
    // Arrays beside each other are not nested.
    assert!(agree(&format!("a = [{}]", "[], {}, ".repeat(20))));
    assert!(!agree("\u{feff}a = 1"));
}

/// A text with an error is never read.
#[test]
#[rustfmt::skip]
fn the_fast_reader_refuses_what_is_not_toml() {
    let invalid = [
        "a", "a =", "a = \n", "= 1", "a = 1 b", "a = 1\r", "\r", "a = 1\rb = 1", "\0", "a = \0", "a\0 = 1", "#\u{1}",
        "# \u{7f}", "#\r", "a b = 1", "a. = 1", ".a = 1", "é = 1", "a = é", "a = 1é", "[a", "[a]b", "[a] b = 1",
        "[ [a]]", "[[a]", "[[a] ]", "[]", "[[]]", "a = 1\na = 1", "[a]\n[a]", "a = 1\n[a]", "a = []\n[[a]]",
        "a = {}\na.b = 1", "a = \"", "a = \"v", "a = \"v\n\"", "a = \"\u{1}\"", "a = \"\u{7f}\"", "a = \"\\", "a = \"\\q\"",
        "a = \"\\x4\"", "a = \"\\x4g\"", "a = \"\\u004\"", "a = \"\\ud800\"", "a = \"\\U00110000\"", "a = \"\\x+1\"", "a = \"\\\n\"",
        "a = 'v\n'", "a = '\u{1}'", "a = '", "a = '''", "a = '''v''", "a = '''v''''''", "a = '''\r'''", "a = '''v\rv'''",
        "a = \"\"\"\\ v\"\"\"", "a = \"\"\"\\\r\"\"\"", "a = \"\"\"\\\n\r\"\"\"", "a = \"\"\"v\"\"\"\"\"\"", "\"\"\"a\"\"\" = 1",
        "'''a''' = 1", "a = 01", "a = 00.5", "a = 1.", "a = .5", "a = 1.5.5", "a = 1e400", "a = 9223372036854775808", "a = 0x",
        "a = 1__0", "a = _1", "a = tru", "a = True", "a = 1979-13-01", "a = 1979-05-27 7", "a = 25:00",
        "a = [", "a = [1", "a = [1 2]", "a = [,]", "a = [1,,2]", "a = [1\r]", "a = [#\u{1}\n]", "a = [#]", "a = [}",
        "[a.b]\n[a]\nb.c = 1", "[a.b]\n[a]\nb.c.d = 1", "[[a.b]]\n[a]\nb.c = 1", "a = \"v\r\n\"", "a = 'v\r\n'",
        "a = {", "a = {b}", "a = {b = }", "a = {b = 1", "a = {,}", "a = {b = 1 c = 1}", "a = {b = 1, b = 1}", "a = {]",
    ];
    let read: Vec<_> = invalid.into_iter().filter(|text| agree(text) || careful(text).is_ok()).collect();
    assert!(read.is_empty(), "{read:#?}");
}

#[test]
fn the_fast_reader_reads_nine_of_ten_generated_documents() {
    let mut dice = dice::Dice(0x2EAD);
    let (mut fast, mut all) = (0, 0);
    while all < 2_000 {
        let bytes: Vec<u8> = (0..60).map(|_| dice.roll(256) as u8).collect();
        let text = Text::arbitrary(&mut Unstructured::new(&bytes)).unwrap().render();
        if careful(&text).is_ok() {
            fast += usize::from(agree(&text));
            all += 1;
        }
    }
    assert!(10 * fast >= 9 * all, "{fast} of {all} documents");
}
