//! Texts written by hand: one shape for each way that a step could be slower than linear.

use secrets_toml::MAX_DEPTH;

/// A kind of text that can be made at any length.
pub(crate) struct Shape {
    pub(crate) name: &'static str,
    pub(crate) text: fn(usize) -> String,
    /// The template that it is validated against, a sixteenth as long.
    pub(crate) template: Option<fn(usize) -> String>,
}

impl Shape {
    const fn new(name: &'static str, text: fn(usize) -> String) -> Self {
        Self { name, text, template: None }
    }

    const fn against(mut self, template: fn(usize) -> String) -> Self {
        self.template = Some(template);
        self
    }
}

pub(crate) const SHAPES: &[Shape] = &[
    Shape::new("keys", |len| lines("", len, |i| format!("k{i:06} = 'v'\n"))),
    Shape::new("keys of a template", |len| lines("", len, |i| format!("k{i:06} = 'v'\n")))
        .against(|len| lines("", len, |i| format!("k{i:06} = ''\n"))),
    Shape::new("keys unlike a template's", |len| lines("", len, |i| format!("k{i:06} = 'v'\n")))
        .against(|len| lines("", len, |i| format!("j{i:06} = ''\n"))),
    Shape::new("tables", |len| lines("", len, |i| format!("[t{i:06}]\na=1\n"))),
    Shape::new("tables of one table", |len| lines("", len, |i| format!("[t.u.v{i:06}]\na=1\n"))),
    // Around the most keys of a table that are not hashed.
    Shape::new("tables of 31 keys", |len| lines("", len, |i| keys_of_a_table(i, 31))),
    Shape::new("tables of 32 keys", |len| lines("", len, |i| keys_of_a_table(i, 32))),
    Shape::new("tables of 33 keys", |len| lines("", len, |i| keys_of_a_table(i, 33))),
    Shape::new("tables of 34 keys", |len| lines("", len, |i| keys_of_a_table(i, 34))),
    Shape::new("tables of 32 long keys that are alike", |len| {
        let middle = "k".repeat(100);
        lines("", len, |i| match i % 33 {
            0 => format!("[t{i:06}]\n"),
            _ => format!("a{:02}{middle}{:02}a=1\n", i % 33, i % 33),
        })
    }),
    Shape::new("keys of 32 tables by turns", |len| {
        lines("", len, |i| format!("t{}.k{}=1\n", i % 32, i / 32))
    }),
    Shape::new("arrays of tables", |len| lines("", len, |_| "[[t]]\na=''\n".into())),
    Shape::new("arrays of empty tables", |len| lines("", len, |_| "[[t]]\n".into()))
        .against(|len| lines("[[t]]\n", len, |i| format!("k{i}=''\n"))),
    Shape::new("the same, with the keys at the root", |len| {
        let root = lines("", len / 16, |i| format!("k{i}=1\n"));
        lines(&root, len, |_| "[[t]]\n".into())
    })
    .against(|len| lines("[[t]]\n", len, |i| format!("k{i}=''\n"))),
    Shape::new("the same, with every second key", |len| {
        let tables = |i| if i % 2 == 0 { "[[t]]\n".into() } else { format!("k{}=1\n", i % 64) };
        lines("", len, tables)
    })
    .against(|len| lines("[[t]]\n", len, |i| format!("k{i}=''\n"))),
    Shape::new("blank values under a long header", |len| {
        let header = format!("[{}]\n", "h".repeat(len / 2));
        lines(&header, len, |i| format!("k{i}=''\n"))
    }),
    Shape::new("blank values under a deep header", |len| {
        let header = format!("[h{}]\n", ".h".repeat(MAX_DEPTH - 2));
        lines(&header, len, |i| format!("k{i}=''\n"))
    }),
    Shape::new("blank values on one line", |len| {
        lines("a={", len - 8, |i| format!("k{i}='',")) + "k='v'}\n"
    }),
    Shape::new("numbers on one line", |len| lines("a=[", len - 4, |_| "1_0.5,".into()) + "1]\n"),
    Shape::new("arrays to the limit", |len| {
        let (open, close) = ("[".repeat(MAX_DEPTH - 1), "]".repeat(MAX_DEPTH - 1));
        lines("", len, |i| format!("a{i}={open}{close}\n"))
    }),
    Shape::new("inline tables to the limit", |len| {
        let (open, close) = ("{a=".repeat(MAX_DEPTH - 1), "}".repeat(MAX_DEPTH - 1));
        lines("", len, |i| format!("a{i}={open}''{close}\n"))
    }),
    Shape::new("dotted keys to the limit", |len| {
        let parts = ".a".repeat(MAX_DEPTH - 1);
        lines("", len, |i| format!("a{i}{parts}=''\n"))
    }),
    Shape::new("arrays past the limit", |len| format!("a={}", "[".repeat(len - 2))),
    Shape::new("headers past the limit", |len| "[".repeat(len)),
    Shape::new("inline tables past the limit", |len| cut("a=", "{a=", len)),
    Shape::new("a dotted key past the limit", |len| "a.".repeat(len / 2 - 2) + "a=1"),
    Shape::new("a header past the limit", |len| format!("[{}a]", "a.".repeat(len / 2 - 2))),
    Shape::new("80 tables of 80 parts", |len| {
        let table = format!("{{a{}=", ".a".repeat(79));
        cut("", &format!("a={}\n", table.repeat(80)), len)
    }),
    Shape::new("tables after an error", |len| cut("a=", "{ {},x=", len)),
    Shape::new("arrays after an error", |len| cut("a=", "[ {},x=[", len)),
    Shape::new("closing brackets", |len| cut("a=", "]}", len)),
    Shape::new("equals signs", |len| "=".repeat(len)),
    Shape::new("quotes", |len| "'".repeat(len)),
    Shape::new("newlines", |len| "\n".repeat(len)),
    Shape::new("lines with an error", |len| cut("", "=\n", len)),
    Shape::new("keys without a value", |len| lines("", len, |i| format!("k{i}=\n"))),
    Shape::new("open strings", |len| lines("", len, |i| format!("k{i}=\"v\n"))),
    Shape::new("bare carriage returns", |len| cut("", "a\r", len)),
    Shape::new("keys defined twice", |len| cut("", "k=1\n", len)),
    Shape::new("keys defined twice on one line", |len| {
        lines("a={", len - 4, |_| "k=1,".into()) + "k=1}"
    }),
    Shape::new("tables opened twice", |len| cut("", "[t]\n", len)),
    Shape::new("a PEM key in plain quotes", |len| {
        let line = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj";
        cut("KEY = '-----BEGIN PRIVATE KEY-----\n", &format!("{line}\n"), len)
    }),
    Shape::new("a long string with escapes", |len| {
        lines("a=\"\"\"", len - 3, |_| "\\u0061 \\\"\r\n\\\r\n  x".into()) + "\"\"\""
    }),
    Shape::new("strings with escapes", |len| {
        lines("", len, |i| format!("k{i}=\"\"\"\r\n\\tb\\U00000063\r\n\"\"\"\r\n"))
    }),
    Shape::new("keys with escapes", |len| lines("", len, |i| format!("\"\\u006b{i}\"=''\n"))),
    Shape::new("invalid escapes", |len| lines("", len, |i| format!("k{i}=\"\\q\\q\"\n"))),
    Shape::new("floats and dates", |len| {
        lines("", len, |i| format!("f{i}=1_{i}.5e-3\nd{i}=2000-01-01\n"))
    }),
    Shape::new("markers", |len| cut("", "# @url @secret @docs https://a.b @port\n", len)),
    Shape::new("a key with markers", |len| {
        let marked = |i| format!("# @url @range {i}..{i} @optionel @secret @public\n");
        lines("", len - 5, marked) + "k=''\n"
    }),
    Shape::new("keys with markers", |len| {
        lines("", len, |i| format!("# optional @uuid @one-of a|b|{i} @prefix p\nk{i}='p'\n"))
    }),
    Shape::new("a long comment of one key", |len| cut("", "# text = [ \n", len - 5) + "\nk=''"),
    Shape::new("a comment of commented-out keys", |len| {
        lines("", len - 5, |i| format!("# k{i} = ''\n")) + "k=''\n"
    }),
    Shape::new("a list of options", |len| cut("k='' # @one-of ", "a|", len)),
    Shape::new("an argument without an end", |len| cut("k='' # @prefix ", "(", len)),
    Shape::new("at signs", |len| cut("k='' # ", "@", len)),
    Shape::new("words with an at sign", |len| cut("k='' # ", "@optiona @ ", len)),
    Shape::new("an unknown marker of any length", |len| cut("k='' # @", "a-", len)),
    Shape::new("decoration", |len| cut("", "# =====\n", len)),
    Shape::new("almost tokens", |len| cut("k='' # ", "ghp_", len)),
    Shape::new("almost tokens with hyphens", |len| cut("k='' # ", "sk-proj-", len)),
    Shape::new("almost tokens, apart", |len| cut("k='' # ", "SG.AIza AKIA. ", len)),
    Shape::new("values with formats", |len| lines("", len, |_| "[[t]]\nk='x'\n".into())).against(
        |_| {
            let options: String = (0..255).map(|i| format!("{i}|")).collect();
            format!("[[t]]\nk='' # @url @email @json @pem @uuid @port @one-of {options}x\n")
        },
    ),
    Shape::new("a long value with formats", |len| cut("k='", "://@[1,", len - 2) + "'\n").against(
        |_| "k='' # @url @email @json @pem @uuid @port @min-length 999999 @range 1..2\n".into(),
    ),
    Shape::new("a long PEM value", |len| {
        cut("k='''", "-----BEGIN A-----\nAA\n-----END A-----\n", len - 4) + "'''\n"
    })
    .against(|_| "k='' # @pem\n".into()),
    Shape::new("names of many words", |len| {
        lines("", len, |i| format!("{}{i}='v'\n", "aB_key-".repeat(10)))
    }),
    Shape::new("a name of many words", |len| format!("{}='v'\n", "aB_key-".repeat(len / 7 - 1))),
    Shape::new("names below a table of many words", |len| {
        lines(&format!("[{}]\n", "aB_key-".repeat(len / 14)), len, |i| format!("k{i}='v'\n"))
    }),
    Shape::new("unchanged secrets", |len| lines("", len, |i| format!("key_{i:06} = 'v'\n")))
        .against(|len| lines("", len, |i| format!("key_{i:06} = 'v'\n"))),
    Shape::new("arrays nearly like a template's", |len| {
        lines("", len, |_| format!("[[t]]\napi_keys=[{}]\n", "'v',".repeat(40)))
    })
    .against(|_| format!("[[t]]\napi_keys=[{}'w']\n", "'v',".repeat(39))),
    Shape::new("a long value in quotes", |len| format!("k='\"{}\"'\n", "v".repeat(len - 7))),
    Shape::new("values in quotes", |len| lines("", len, |i| format!("k{i}='\"v\"'\n"))),
    Shape::new("Windows paths", |len| lines("", len, |i| format!("k{i}=\"C:\\new\\temp\"\n"))),
    Shape::new("a long Windows path", |len| format!("k=\"C:\\n{}\"\n", "v".repeat(len - 9))),
    Shape::new("PEM without lines", |len| {
        lines("", len, |i| format!("k{i}='-----BEGIN KEY-----\\nabc\\n'\n"))
    }),
    Shape::new("a long PEM without lines", |len| {
        lines("k='-----BEGIN KEY-----", len - 2, |_| "\\\\abc".into()) + "'\n"
    }),
    Shape::new("a long value of white space", |len| format!("k='{}v '\n", " ".repeat(len - 8))),
    // Mistakes of authors.
    Shape::new("mistakes: open arrays", |len| cut("", "A = [\n", len)),
    Shape::new("mistakes: open inline tables", |len| cut("", "A = {\n", len)),
    Shape::new("mistakes: open inline tables, keys", |len| cut("", "A = { b = 1\n", len)),
    Shape::new("mistakes: brackets of two kinds", |len| cut("A = ", "[}{]", len)),
    Shape::new("mistakes: braces in open arrays", |len| {
        lines(&format!("A = {}\n", "[".repeat(len / 2)), len, |_| "}".into())
    }),
    Shape::new("mistakes: open triple quotes", |len| cut("= 1\n", "A = \"\"\"\n", len)),
    Shape::new("mistakes: triple quotes of two kinds", |len| {
        cut("", "A = \"\"\"x\nA = '''x\n", len)
    }),
    Shape::new("mistakes: triple quotes in an array", |len| cut("A = [\n", "\"\"\" '''\n", len)),
    Shape::new("mistakes: triple quotes, blank lines", |len| {
        lines("= 1\n", len, |i| if i % 2 == 0 { "A = \"\"\"\n".into() } else { "\n".repeat(99) })
    }),
    Shape::new("mistakes: open quotes", |len| cut("", "A = \"\n", len)),
    Shape::new("mistakes: an open quote", |len| cut("A = 'x\n", "x\n", len)),
    Shape::new("mistakes: open PEM blocks", |len| cut("", "A = \"-----BEGIN A\n", len)),
    Shape::new("mistakes: quotes on one line", |len| cut("A = ", "'it's", len)),
    Shape::new("mistakes: keys with quotes", |len| cut("", "a\"b'", len)),
    Shape::new("mistakes: colons on one line", |len| cut("", "a: ", len)),
    Shape::new("mistakes: signs on one line", |len| cut("", "a = ", len)),
    Shape::new("mistakes: dots on one line", |len| cut("", "a..", len)),
    Shape::new("mistakes: headers on one line", |len| cut("", "[a b] ", len)),
    Shape::new("mistakes: commas on one line", |len| cut("A = 1", ", 'x' ", len)),
    Shape::new("mistakes: words in an array", |len| cut("A = [\n", "None, true, x,\n", len)),
    Shape::new("mistakes: escapes in a text", |len| {
        lines("A = \"\"\"\n", len - 3, |_| "C:\\Users \\u\n".into()) + "\"\"\""
    }),
    Shape::new("mistakes: escapes on one line", |len| {
        lines("A = \"", len - 1, |_| "\\users".into()) + "\""
    }),
    Shape::new("mistakes: escapes in an array", |len| {
        lines("A = [", len - 2, |_| "\"\\u\",\n".into()) + "1]"
    }),
    Shape::new("mistakes: escapes in one of many lines", |len| {
        lines("A = [", len - 2, |_| "\"\\u\",".into()) + "1]"
    }),
    // The parser reports the clash of a key after the error in it, and so all of both.
    Shape::new("mistakes: escapes in keys defined twice", |len| {
        lines("A={a=1,", len - 4, |_| r#"a."\q"=1,"#.into()) + "b=1}"
    }),
    Shape::new("mistakes: escapes after a percent sign", |len| {
        lines("A={a=1,", len - 4, |_| r#"a."%q\q"=1,"#.into()) + "b=1}"
    }),
    Shape::new("mistakes: digits missing in keys of one array", |len| {
        lines("A=[", len - 2, |_| r#"{a=1,a."\u"=1},"#.into()) + "1]"
    }),
    Shape::new("mistakes: values below keys", |len| cut("", "A =\n\"x\",\n", len)),
    Shape::new("mistakes: JSON", |len| cut("{", "\"a\": {\n", len)),
    Shape::new("mistakes: JSON values", |len| cut("", "A = {\"a\": 1}\n", len)),
    Shape::new("mistakes: quotes in a JSON value", |len| cut("A = {", "\"a\" \"", len)),
    Shape::new("mistakes: escaped quotes in a header", |len| {
        lines("[", len - 2, |_| "\"\\".into()) + "]\n"
    }),
    Shape::new("mistakes: escaped quotes in a comment", |len| {
        lines("A = [ #", len - 4, |_| "\"\\".into()) + "\nb ]"
    }),
    Shape::new("mistakes: comments of C", |len| cut("", "/*\n", len)),
    Shape::new("mistakes: lists of YAML", |len| cut("", "a:\n- b\n", len)),
    Shape::new("mistakes: texts of YAML", |len| cut("", "a: |\n b\n", len)),
    Shape::new("mistakes: curly quotes", |len| {
        lines("", len, |i| format!("k{i} = \u{201c}v\u{201d}\n"))
    }),
    Shape::new("mistakes: open curly quotes", |len| lines("", len, |_| "k = \u{201c}v\n".into())),
    Shape::new("mistakes: conflict markers", |len| cut("", "<<<<<<<\n=======\n", len)),
    Shape::new("mistakes: lines of a shell", |len| cut("", "export A=b c\nB=c\n", len)),
    Shape::new("mistakes: carriage returns", |len| cut("A = [", "x\r", len)),
    Shape::new("mistakes: escapes, carriage returns", |len| cut("A = [", "\"\\u\",\r", len)),
    Shape::new("comments", |len| lines("", len, |i| format!("# your\nk{i}='your-key' # key\n"))),
];

pub(crate) const QUERIES: &[Shape] = &[
    Shape::new("a query of ampersands", |len| "&".repeat(len)),
    Shape::new("a query of percent signs", |len| "%".repeat(len)),
    Shape::new("a query of names", |len| cut("", "pat=", len)),
    Shape::new("a query of fields", |len| cut("", "%70at=x&", len)),
    Shape::new("a query of long fields", |len| {
        cut("", &format!("{}&", "%70".repeat(len / 3000)), len)
    }),
    Shape::new("a query of long values", |len| {
        cut("", &format!("pat={}&", "%F0%9F%98%80".repeat(len / 12_000)), len)
    }),
    Shape::new("a query of one long value", |len| cut("pat=", "%F0%9F%98%80", len)),
    Shape::new("a query of spaces", |len| cut("pat=", "+", len)),
];

/// Returns a table with this number of keys.
fn keys_of_a_table(i: usize, keys: usize) -> String {
    let keys: String = (0..keys).map(|key| format!("k{key}=1\n")).collect();
    format!("[t{i:06}]\n{keys}")
}

/// Appends as many lines as fit.
fn lines(before: &str, len: usize, line: impl Fn(usize) -> String) -> String {
    let mut text = before.to_owned();
    for i in 0.. {
        let line = line(i);
        if text.len() + line.len() > len {
            break;
        }
        text.push_str(&line);
    }
    text
}

/// Repeats a unit, and cuts the text to the length.
fn cut(before: &str, unit: &str, len: usize) -> String {
    let mut text = before.to_owned();
    text.extend(unit.chars().cycle().take(len - before.len()));
    text
}
