//! Values as authors have them, and the log of a service that seldom prints one.

use secrets_toml::Document;

#[path = "../../../tests/support/dice.rs"]
mod dice;

use dice::Dice;

/// Every so many lines, a value is printed.
const LINES_A_VALUE: usize = 500;

/// Makes values of the kinds that platforms hold.
pub(crate) fn values(count: usize) -> Vec<String> {
    let mut dice = Dice(0x5EED_1DEA_5EED_1DEA);
    (0..count).map(|i| value(i, &mut dice)).collect()
}

fn value(i: usize, dice: &mut Dice) -> String {
    let hex = |len, dice: &mut Dice| of(b"0123456789abcdef", len, dice);
    let word = |len, dice: &mut Dice| {
        of(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", len, dice)
    };
    match i % 8 {
        0 => hex(32, dice),
        1 => format!("sk-proj-{}", word(48, dice)),
        2 => format!("postgres://app:{}@db{i}.internal:5432/app?sslmode=require", word(20, dice)),
        3 => [8, 4, 4, 4, 12].map(|len| hex(len, dice)).join("-"),
        4 => format!("{}/+{}==", word(30, dice), word(8, dice)),
        5 => format!("correct horse {} staple", word(6, dice)),
        6 => of(b"abcdefghijkmnpqrstuvwxyz23456789!$%&\"'\\;:", 14, dice),
        _ => format!("user{i}@example.com"),
    }
}

fn of(alphabet: &[u8], len: usize, dice: &mut Dice) -> String {
    (0..len).map(|_| char::from(alphabet[dice.roll(alphabet.len())])).collect()
}

/// Makes the document of the values.
pub(crate) fn document(values: &[String]) -> Document {
    let line = |(i, value): (usize, &String)| format!("v{i} = '''{value}'''\n");
    let text: String = values.iter().enumerate().map(line).collect();
    Document::parse(text).expect("well-formed")
}

/// Makes a log of about `len` bytes.
pub(crate) fn text(values: &[String], len: usize) -> Vec<u8> {
    let mut dice = Dice(0xB0B0_CAFE_B0B0_CAFE);
    let mut text = String::new();
    for i in 0.. {
        if text.len() >= len {
            break;
        }
        let id = of(b"0123456789abcdef", 16, &mut dice);
        let (ms, port) = (dice.roll(1000), 30_000 + dice.roll(9000));
        text += &match dice.roll(6) {
            0 => format!(
                "2026-11-27 22:21:{:02}.{ms:03} INFO  uvicorn.access 10.0.3.{}:{port} - \"GET /api/v2/models/{id}/outputs?page={} HTTP/1.1\" 200\n",
                ms % 60,
                ms % 255,
                ms % 9
            ),
            1 => format!(
                "2026-11-27 22:21:{:02}.{ms:03} DEBUG app.session request={id} user=ada@example.org took {ms} ms, cache hit ratio 0.{ms:03}\n",
                ms % 60
            ),
            2 => format!(
                "{{\"level\":\"info\",\"ts\":1795818061.{ms:03},\"caller\":\"server/handler.go:{}\",\"msg\":\"handled request\",\"trace\":\"{id}{id}\"}}\n",
                ms % 400
            ),
            3 => format!(
                "  File \"/srv/module/app.py\", line {}, in predict\n    response = client.post_model_outputs(request, metadata=metadata)\n",
                ms % 300
            ),
            4 => format!(
                "WARNING: the tokens of the last {ms} messages exceed the context window of the model; dropping the oldest ones first\n"
            ),
            _ => format!(
                "Epoch {}/100: loss 0.{ms:03}, accuracy 0.{:03}, {port} samples, 1.{ms:03}e-05 learning rate\n",
                i % 100,
                (ms * 7) % 1000
            ),
        };
        if i % LINES_A_VALUE == 0 {
            text +=
                &format!("Authorization: Bearer {}\n", values[i / LINES_A_VALUE % values.len()]);
        }
    }
    text.into_bytes()
}

/// Makes a text of parts of patterns, most of them from the beginning.
pub(crate) fn parts(patterns: &[String], len: usize) -> Vec<u8> {
    let mut dice = Dice(0xFACE_FEED_FACE_FEED);
    let mut text = Vec::new();
    while text.len() < len {
        let pattern = patterns[dice.roll(patterns.len())].as_bytes();
        text.extend(&pattern[..dice.roll(pattern.len())]);
    }
    text
}

/// Values that repeat themselves, and texts in which they nearly occur.
pub(crate) fn periodic(len: usize) -> Vec<(&'static str, Vec<String>, Vec<u8>)> {
    let mut dice = Dice(0xC0DE_D00D_C0DE_D00D);
    let mut binary = |len| of(b"ab", len, &mut dice);
    let fibonacci = |len| {
        let (mut a, mut b) = ("a".to_owned(), "ab".to_owned());
        while b.len() < len {
            (a, b) = (b.clone(), b + &a);
        }
        b
    };
    let long = "a".repeat(16_000);
    vec![
        ("one letter", vec![format!("{long}b")], long.repeat(len / long.len())),
        ("one letter, short", vec!["aaaaaaab".to_owned()], "aaaaaaa ".repeat(len / 8)),
        ("a match a byte", vec!["aaaaaa".to_owned(), "aaaaaaaaaaaa".to_owned()], "a".repeat(len)),
        ("the last gram", vec!["xyzwaaaa".to_owned()], "a".repeat(len)),
        ("a gram a byte", vec!["xaaaaaaaaaaaaaaaaaaa".to_owned()], "a".repeat(len)),
        ("fibonacci", vec![format!("{}c", &fibonacci(4000)[..4000])], fibonacci(len)),
        ("two letters", (0..40).map(|_| binary(30)).collect(), binary(len)),
        ("two letters, long", (0..40).map(|_| binary(9000)).collect(), binary(len)),
        ("two letters, many", (0..2000).map(|_| binary(18)).collect(), binary(len)),
    ]
    .into_iter()
    .map(|(name, values, text)| (name, values, text.into()))
    .collect()
}
