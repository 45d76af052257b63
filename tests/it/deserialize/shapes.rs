//! `Document::deserialize` accepts the same texts as the crate `toml`, for types of every shape.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::fmt::Debug;
use std::marker::PhantomData;
use std::net::IpAddr;
use std::num::NonZeroU8;
use std::ops::Range;

use secrets_toml::{DeserializeError, Document};
use serde::Deserialize;
use serde::de::IgnoredAny;
use toml::Spanned;
use toml_datetime::{Date, Datetime, Time};

#[derive(Debug, Clone, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
struct UserId(String);

#[derive(Debug, Clone, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
struct Number(u8);

#[derive(Debug, Clone, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
struct Outer(Number);

#[derive(Debug, Clone, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
struct Pair(u8, String);

#[derive(Debug, Clone, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(transparent)]
struct Clear {
    inner: u16,
}

#[derive(Debug, Clone, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(try_from = "u8")]
struct Small(u8);

#[derive(Debug, Clone, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(from = "String")]
struct Upper(String);

#[derive(Debug, Clone, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
struct Borrowed<'a>(&'a str);

#[derive(Debug, Clone, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    Low,
    #[serde(rename = "very high", alias = "top")]
    High,
    #[serde(other)]
    Other,
}

#[derive(Debug, Clone, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
enum Strict {
    Low,
    High,
}

#[derive(Debug, Clone, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(deny_unknown_fields)]
struct Closed {
    a: u8,
    #[serde(default)]
    b: Option<Number>,
}

#[derive(Debug, Clone, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
struct Open {
    a: u8,
    #[serde(default = "seven")]
    b: u8,
    #[serde(skip)]
    c: u8,
}

#[derive(Debug, Clone, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(default, rename_all = "kebab-case")]
struct Defaults {
    long_name: String,
    n: i16,
}

#[derive(Debug, Clone, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
struct Renamed {
    #[serde(rename = "A b", alias = "c")]
    a: u8,
}

#[derive(Debug, Clone, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
enum Form {
    Unit,
    New(u8),
    Tuple(u8, String),
    Struct {
        a: u8,
        #[serde(default)]
        b: u8,
    },
    Nested(Box<Self>),
    Opt(Option<u8>),
    Zero(),
}

#[derive(Debug, Clone, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(tag = "t")]
enum Internal {
    Unit,
    New(Open),
    Struct { a: u8 },
}

#[derive(Debug, Clone, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(tag = "t", content = "c")]
enum Adjacent {
    Unit,
    New(u8),
    Tuple(u8, u8),
    Struct { a: u8 },
}

#[derive(Debug, Clone, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(tag = "t", content = "c", deny_unknown_fields)]
enum AdjacentStrict {
    Unit,
    New(u8),
}

#[derive(Debug, Clone, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(untagged)]
enum Untagged {
    Unit,
    New(u8),
    Text(String),
    When(Datetime),
    Tuple(u8, u8),
    Struct { a: u8 },
    Map(BTreeMap<String, Self>),
}

#[derive(Debug, Clone, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
struct Flat {
    a: u8,
    #[serde(flatten)]
    rest: BTreeMap<String, u8>,
}

#[derive(Debug, Clone, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
struct FlatKeys {
    #[serde(flatten)]
    rest: BTreeMap<UserId, u8>,
}

#[derive(Debug, Clone, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
struct FlatNumbers {
    #[serde(flatten)]
    rest: BTreeMap<u8, u8>,
}

#[derive(Debug, Clone, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
struct FlatEnum {
    x: u8,
    #[serde(flatten)]
    form: Form,
}

#[derive(Debug, Clone, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
struct FlatTagged {
    x: u8,
    #[serde(flatten)]
    internal: Internal,
}

#[derive(Debug, Clone, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
enum FlatVariant {
    V {
        a: u8,
        #[serde(flatten)]
        rest: BTreeMap<String, u8>,
    },
}

#[derive(Debug, Clone, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
struct Phantom {
    a: PhantomData<u8>,
}

#[derive(Debug, Clone, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
struct Bytes<'a> {
    #[serde(borrow)]
    b: &'a [u8],
}

#[derive(Debug, Clone, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
enum Converted {
    V(Small),
    S { s: Small },
}

#[derive(Debug, Clone, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
enum Lent<'a> {
    #[serde(borrow)]
    V(Cow<'a, str>),
    S {
        t: &'a str,
    },
}

#[derive(Debug, Clone, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
struct AliasedTwice {
    #[serde(alias = "b")]
    a: u8,
}

#[derive(Debug, Deserialize, PartialEq)]
struct Nothing;

fn seven() -> u8 {
    7
}

impl Default for Defaults {
    fn default() -> Self {
        Self { long_name: "d".into(), n: -1 }
    }
}

impl TryFrom<u8> for Small {
    type Error = &'static str;
    fn try_from(number: u8) -> Result<Self, &'static str> {
        if number < 10 { Ok(Self(number)) } else { Err("too large") }
    }
}

impl From<String> for Upper {
    fn from(text: String) -> Self {
        Self(text.to_uppercase())
    }
}

/// A key of bytes, from any method of the visitor.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct ByteBuf(Vec<u8>);

impl<'de> Deserialize<'de> for ByteBuf {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = ByteBuf;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("bytes")
            }
            fn visit_str<E>(self, text: &str) -> Result<ByteBuf, E> {
                Ok(ByteBuf(text.into()))
            }
        }
        deserializer.deserialize_byte_buf(Visitor)
    }
}

/// Records `is_human_readable` of the deserializer.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Readable(bool);

impl<'de> Deserialize<'de> for Readable {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let readable = deserializer.is_human_readable();
        IgnoredAny::deserialize(deserializer)?;
        Ok(Self(readable))
    }
}

/// The range of an error in a text. For a table, that of `toml` is the whole header.
type Theirs = Option<Range<usize>>;

/// Describes the difference, unless both results are equal or both fail at the same place.
fn difference<T: Debug + PartialEq>(
    text: &str,
    reads: bool,
    ours: Result<T, DeserializeError>,
    theirs: Result<T, Theirs>,
) -> Option<String> {
    let same = match (&ours, &theirs) {
        (Ok(ours), Ok(theirs)) => reads && ours == theirs,
        (Err(ours), Err(theirs)) => {
            let lines = text.split_inclusive('\n').take(ours.line() - 1);
            let offset = lines.map(str::len).sum::<usize>() + ours.column() - 1;
            let theirs = theirs.clone().unwrap_or(0..0);
            !reads && (theirs.contains(&offset) || offset == theirs.start)
        }
        _ => false,
    };
    let name = std::any::type_name::<T>();
    (!same).then(|| format!("{name}: {text:?}: {ours:?}, not {theirs:?}\n"))
}

macro_rules! count {
    () => { 0 };
    ($first:tt $($rest:tt)*) => { 1 + count!($($rest)*) };
}

/// Each row is a type, texts that it accepts, and texts that it refuses.
macro_rules! same {
    ($name:ident $count:literal: $($type:ty: [$($reads:literal)*] [$($refuses:literal)*])*) => {
        #[test]
        fn $name() {
            let mut differences = String::new();
            $({
                let texts = [$(($reads, true),)* $(($refuses, false),)*];
                for (text, reads) in texts {
                    let document = Document::parse(text).unwrap();
                    let ours = document.deserialize::<$type>();
                    let theirs = toml::from_str::<$type>(text).map_err(|error| error.span());
                    differences.extend(difference(text, reads, ours, theirs));
                }
            })*
            assert!(differences.is_empty(), "{differences}");
            assert_eq!(count!($([$($reads)*])*), $count);
        }
    };
}

type Of<K> = BTreeMap<K, u8>;
type One<T> = BTreeMap<String, T>;

same! { keys 31:
    Of<String>: ["" "a = 1\n'' = 2\n\"\\u0041\" = 3" ] ["a = 'x'" "a = 1\nb = []" "a.b = 1"]
    Of<&str>: ["a = 1\n'b c' = 2"] ["a = -1"]
    Of<Cow<'_, str>>: ["a = 1" "\"\\t\" = 1"] []
    Of<Box<str>>: ["a = 1"] []
    Of<UserId>: ["ada = 1\n'b c' = 2"] ["a = 1\nb = 256"]
    Of<Borrowed<'_>>: ["ada = 1"] []
    Of<Upper>: ["ada = 1"] []
    Of<bool>: ["true = 1\nfalse = 2" "\"true\" = 1"] ["a = 1" "True = 1" "1 = 1" "'' = 1"]
    Of<u8>: ["1 = 1\n255 = 2" "'+1' = 1" "01 = 1"] ["a = 1" "256 = 1" "-1 = 1" "' 1' = 1" "1_0 = 1"]
    Of<u16>: ["65535 = 1"] ["65536 = 1"]
    Of<u32>: ["4294967295 = 1"] ["0x1 = 1"]
    Of<u64>: ["18446744073709551615 = 1"] ["18446744073709551616 = 1"]
    Of<u128>: ["340282366920938463463374607431768211455 = 1"] ["-1 = 1"]
    Of<usize>: ["7 = 1"] ["x = 1"]
    Of<i8>: ["-128 = 1"] ["128 = 1"]
    Of<i16>: ["-1 = 1"] ["1.5 = {}"]
    Of<i32>: ["-1 = 1"] ["'' = 1"]
    Of<i64>: ["-9223372036854775808 = 1"] ["9223372036854775808 = 1"]
    Of<i128>: ["-9223372036854775809 = 1"] ["x = 1"]
    Of<char>: ["a = 1\n'ü' = 2\n1 = 3"] ["ab = 1" "'' = 1"]
    Of<NonZeroU8>: ["1 = 1"] ["0 = 1"]
    Of<IpAddr>: ["'127.0.0.1' = 1\n'::1' = 2"] ["x = 1"]
    Of<Level>: ["Low = 1\n'very high' = 2\nx = 3" "top = 1"] []
    Of<Strict>: ["Low = 1\nHigh = 2"] ["Low = 1\nlow = 2"]
    Of<Outer>: ["1 = 1"] ["x = 1" "300 = 1"]
    Of<Clear>: ["256 = 1"] ["x = 1"]
    Of<Small>: ["9 = 1"] ["9 = 1\n10 = 2"]
    Of<ByteBuf>: ["ab = 1"] []
    Of<Readable>: ["ab = 1"] []
    Of<Spanned<String>>: ["ab = 1"] []
    Of<Spanned<Cow<'_, str>>>: ["ab = 1"] []
}

same! { refused_keys 11:
    Of<Option<String>>: [""] ["a = 1"]
    Of<Option<u8>>: [] ["1 = 1"]
    Of<()>: [""] ["a = 1"]
    Of<(u8, u8)>: [] ["1 = 1"]
    Of<[u8; 1]>: [] ["1 = 1"]
    Of<Vec<u8>>: [] ["1 = 1"]
    Of<Form>: ["Unit = 1"] ["New = 1" "Tuple = 1" "Struct = 1" "x = 1"]
    Of<Closed>: [] ["a = 1"]
    Of<Datetime>: [] ["1979-05-27 = 1"]
    Of<BTreeMap<String, u8>>: [] ["a = 1"]
    Vec<BTreeMap<u8, u8>>: [] ["a = 1"]
}

same! { nested_keys 12:
    One<Of<u8>>: ["[a]\n1 = 1\n[b]\n2 = 2" "a.1 = 1" "a = { 1 = 1 }"] ["[a]\n1 = 1\nx = 2" "a = { x = 1 }" "\na.b = 1"]
    One<Vec<Of<bool>>>: ["[[a]]\ntrue = 1\n[[a]]\nfalse = 1"] ["[[a]]\ntrue = 1\n[[a]]\nno = 1"]
    BTreeMap<u8, BTreeMap<bool, BTreeMap<char, Of<Strict>>>>: ["[1.true.x]\nLow = 1"]
        ["[1.true.x]\nlow = 1" "[1.true.xy]\nLow = 1" "[1.yes.x]\nLow = 1" "[a.true.x]\nLow = 1"]
    BTreeMap<UserId, BTreeMap<Outer, Vec<Pair>>>: ["ada.1 = [[1, 'x']]"] ["ada.x = []" "ada.1 = [[1]]"]
    HashMap<i64, HashMap<Cow<'_, str>, f64>>: ["-1.'' = 1.5"] ["x.y = 1.5"]
    BTreeMap<Level, Option<Of<Number>>>: ["top.1 = 1"] ["top.x = 1"]
    (): [] [""]
    Option<Of<u8>>: ["1 = 1" ""] ["x = 1"]
    Box<Of<u8>>: ["1 = 1"] ["x = 1"]
    Spanned<Of<u8>>: ["1 = 1"] ["x = 1"]
    One<Spanned<BTreeMap<u8, Spanned<u8>>>>: ["a.1 = 1"] ["a.x = 1" "a.1 = 'x'"]
    toml::Table: ["a.1 = 1\nb = [1, 'x', 1.5, true, {}]\n[[c]]\nd = 1"] []
}

same! { scalars 40:
    One<String>: ["a = 'x'" "a = \"\\u00e9\""] ["a = 1" "a = true" "a = 1.5" "a = []" "a = {}" "a = 07:32:00"]
    One<&str>: ["a = 'x'"] ["a = 1"]
    One<Cow<'_, str>>: ["a = 'x'" "a = \"\\n\""] ["a = 1"]
    One<Box<str>>: ["a = 'x'"] ["a = 1"]
    One<char>: ["a = 'ü'"] ["a = 'ab'" "a = ''" "a = 1"]
    One<bool>: ["a = true"] ["a = 'true'" "a = 1"]
    One<i8>: ["a = -128"] ["a = 128" "a = '1'" "a = 1.0"]
    One<i16>: ["a = -32768"] ["a = 32768"]
    One<i32>: ["a = 0x7f"] ["a = 0x80000000"]
    One<i64>: ["a = -9223372036854775808"] ["a = 1.0"]
    One<i128>: ["a = -9223372036854775808"] ["a = 'x'"]
    One<isize>: ["a = 1_000"] ["a = []"]
    One<u8>: ["a = 255"] ["a = 256" "a = -1"]
    One<u16>: ["a = 0o17"] ["a = 65536"]
    One<u32>: ["a = 0b11"] ["a = -1"]
    One<u64>: ["a = 9223372036854775807"] ["a = -1"]
    One<u128>: ["a = 9223372036854775807"] ["a = -1"]
    One<usize>: ["a = 1"] ["a = -1"]
    One<f32>: ["a = 0.1" "a = 1" "a = inf" "a = 1e30"] ["a = '1'" "a = true"]
    One<f64>: ["a = -0.0" "a = 1_0.5e-3" "a = -1" "a = -inf"] ["a = 'nan'"]
    One<NonZeroU8>: ["a = 1"] ["a = 0"]
    One<IpAddr>: ["a = '127.0.0.1'"] ["a = 'x'" "a = 1"]
    One<()>: [""] ["a = 1" "a = {}" "a = []" "a = ''"]
    One<Nothing>: [] ["a = 1" "a = {}" "a = 'Nothing'"]
    One<PhantomData<u8>>: [] ["a = 1"]
    Phantom: [] ["" "a = 1"]
    One<Option<u8>>: ["a = 1"] ["a = 'x'" "a = {}"]
    One<Option<Option<bool>>>: ["a = true"] ["a = 1"]
    One<Number>: ["a = 1"] ["a = 256" "a = [1]"]
    One<Outer>: ["a = 1"] ["a = 'x'"]
    One<Small>: ["a = 9"] ["a = 10" "a = 300"]
    One<Upper>: ["a = 'x'"] ["a = 1"]
    One<IgnoredAny>: ["a = [{ b = 1979-05-27 }]"] []
    One<Readable>: ["a = 1"] []
    One<ByteBuf>: ["a = 'x'"] ["a = [1]"]
    One<Spanned<String>>: ["a = 'x'"] ["a = 1"]
    One<Datetime>: ["a = 1979-05-27" "a = 07:32:00.5" "a = 1979-05-27 07:32:00z" "a = 1979-05-27t07:32:00.123456789-08:00" "a = 07:32"]
        ["a = '1979-05-27'" "a = 1" "a = {}"]
    One<Date>: ["a = 1979-05-27"] ["a = 07:32:00" "a = 1"]
    One<Time>: ["a = 07:32:00"] ["a = 1979-05-27"]
    One<toml::Value>: ["a = 1\nb = 1979-05-27T07:32:00Z\nc = { d = [1.5] }"] []
}

same! { sequences 14:
    One<Vec<u8>>: ["a = []" "a = [1, 2]"] ["a = 1" "a = {}" "a = [1,\n'x']" "a = '12'"]
    One<VecDeque<bool>>: ["a = [true]"] ["a = [1]"]
    One<HashSet<char>>: ["a = ['x', 'x', 'y']"] ["a = ['xy']"]
    One<BTreeSet<i64>>: ["a = [2, 1]"] ["a = [1.5]"]
    One<Box<[u8]>>: ["a = [1]"] ["a = [-1]"]
    One<[u8; 2]>: ["a = [1, 2]" "a = [1, 2, 3]"] ["a = [1]" "a = []"]
    One<[u8; 0]>: ["a = []" ] ["a = 1"]
    One<(u8, &str, Option<f64>)>: ["a = [1, 'x', 1.5]"] ["a = [1, 'x']" "a = ['x', 1, 1.5]" "a = { 0 = 1 }"]
    One<Pair>: ["a = [1, 'x']"] ["a = [1]" "a = { a = 1 }"]
    One<Vec<Vec<(u8, u8)>>>: ["a = [[[1, 2]], []]"] ["a = [[[1, 2]], [[1]]]" "a = [[1]]"]
    One<Vec<Closed>>: ["[[a]]\na = 1\n[[a]]\na = 2" "a = [{ a = 1 }]" "a = [[1, 2]]"] ["[[a]]\na = 1\n[[a]]\na = 2\nx = 3"]
    One<Vec<Spanned<u8>>>: ["a = [1, 2]"] ["a = [1, 256]"]
    Vec<u8>: [] ["" "a = 1"]
    (u8,): [] ["a = 1"]
}

same! { structs 15:
    Closed: ["a = 1" "b = 1\na = 2"] ["" "a = 1\nx = 2" "a = 1\nb = 'x'" "x = 1"]
    Open: ["a = 1\nx = []" "a = 1\nb = 2\nc = 3"] ["b = 1" "a = 256"]
    Defaults: ["" "long-name = 'x'" "n = 1\nlong_name = 1"] ["n = 'x'"]
    Renamed: ["'A b' = 1" "c = 1"] ["a = 1"]
    Clear: [] ["inner = 1"]
    One<Closed>: ["[x]\na = 1" "x.a = 1" "x = { a = 1, b = 2 }" "x = [1, 2]" "x = [1]"] ["[x]\nb = 1" "x = { a = 1, c = 1 }" "x = 1" "[x]\na = 1\n[x.y]" "x = 1979-05-27" "x = {}"]
    Flat: ["a = 1\nb = 2" "a = 1"] ["b = 1"]
    FlatKeys: ["a = 1\n1 = 2"] []
    FlatNumbers: [""] ["1 = 2"]
    FlatEnum: ["x = 1\nNew = 2" "Struct = { a = 1 }\nx = 1" "x = 1\nTuple = [1, 'x']"] ["x = 1"]
    FlatTagged: ["x = 1\nt = 'Unit'" "t = 'New'\nx = 1\na = 2" "t = 'Struct'\nx = 1\na = 2"] ["x = 1" "x = 1\nt = 'x'"]
    Option<Closed>: ["a = 1"] ["x = 1"]
    Spanned<Closed>: ["a = 1"] ["x = 1"]
    Bytes<'_>: ["b = 'x'"] ["b = [1]" "b = 1"]
    serde_json::Value: ["a = 1\nb.c = [true, 1.5]\nd = 'x'"] []
}

same! { enums 21:
    One<Strict>: ["a = 'Low'" "a.Low = {}" "a = { Low = [] }"] ["a = 'low'" "a.low = {}" "a.Low = 1" "a.Low = [1]" "a = { Low = { b = 1 } }" "a = 1" "a = []" "a = {}" "a = { Low = {}, High = {} }" "a = 1979-05-27" "a.Low = 'x'" "a = true"]
    One<Level>: ["a = 'top'" "a = 'x'" "a.x = {}"] ["a.x = 1"]
    Form: ["Unit = {}" "New = 1" "Tuple = [1, 'x']" "[Struct]\na = 1" "Nested.New = 1" "Nested = 'Unit'" "Opt = 1" "Zero = []" "Zero = {}"]
        ["" "x = 1" "New = 'x'" "New = {}" "Zero = [1]" "Nested = 1" "Nested.New = 'x'" "Opt = 'x'" "Unit = {}\nNew = 1"]
    One<Form>: ["a = 'Unit'" "a = { New = 1 }" "a.Nested.Nested.Tuple = [1, 'x']"] ["a = 'New'" "a = 'Tuple'" "a = 'Struct'" "a.New = 300" "a.Nested.New = 'x'" "a.Nested.x = 1"]
    Vec<Form>: [] ["a = 1"]
    One<Vec<Form>>: ["a = ['Unit', { New = 1 }]" "[[a]]\nNew = 1\n[[a]]\nStruct.a = 1"] ["a = ['Unit', 'x']" "[[a]]\nNew = 1\n[[a]]\nNew = 'x'" "a = [{ x = 1 }]"]
    BTreeMap<String, BTreeMap<u8, Form>>: ["a.1.Tuple = { 0 = 1, 1 = 'x' }" "a.1.Tuple = { 1 = 'x', 0 = 1 }" "a.1.Tuple = { '+0' = 1, 01 = 'x' }" "[a.1]\nTuple.0 = 1\nTuple.1 = 'x'"]
        ["a.1.Tuple = { 0 = 1 }" "a.1.Tuple = { 0 = 'x', 1 = 'x' }" "a.1.Tuple = { 0 = 1, x = 'x' }" "a.1.Tuple = { 0 = 1, 00 = 'x' }" "a.1.Tuple = [1]" "a.1.Tuple = [1, 'x', 2]" "a.1.Tuple = ['x', 1]" "a.1.Tuple = 1" "a.1.Tuple = 'x'" "a.1.Tuple = 07:32:00"]
    One<One<Form>>: ["a.b.Struct = { a = 1, b = 2 }" "a.b.Struct = [1, 2]"] ["a.b.Struct = { a = 1, x = 2 }" "[a.b.Struct]\na = 1\nx = 2" "a.b.Struct = {}" "a.b.Struct = 1" "a.b.Struct = 1979-05-27"]
    FlatVariant: ["V = { a = 1, b = 2 }"] ["V = { b = 1 }"]
    One<Converted>: ["a.V = 1" "a.S.s = 1"] ["a.S.s = 10" "a.S.t = 1" "a.V = 'x'"]
    One<Lent<'_>>: ["a.V = 'x'" "a.S.t = 'x'" "a.V = \"\\n\""] ["a.V = 1"]
    Internal: ["t = 'Unit'" "t = 'New'\na = 1" "a = 1\nt = 'Struct'" "t = 'Unit'\nx = 1"] ["a = 1" "t = 'x'" "t = 1" "t = 'Struct'"]
    One<Internal>: ["a = { t = 'New', a = 1 }" "a.t = 'Unit'"] ["a.t = 'x'" "a = 'Unit'" "a.b = 1" "a = 1" "a = { t = 'New', a = 'x' }"]
    Adjacent: ["t = 'Unit'" "t = 'New'\nc = 1" "c = [1, 2]\nt = 'Tuple'" "t = 'Struct'\nc.a = 1"] ["" "c = 1" "t = 'New'" "t = 'x'"]
    One<Adjacent>: ["a = { t = 'New', c = 1 }" "a.t = 'Unit'"] ["a.t = 'x'" "a.c = 1" "a = 1" "a = { t = 'New', c = 'x' }"]
    AdjacentStrict: ["t = 'Unit'"] ["t = 'Unit'\nx = 1"]
    One<Untagged>: ["a = 1" "a = 'x'" "a = 1979-05-27" "a = [1, 2]" "a = { a = 1 }" "a.b.c = 1"] ["a = -1" "a = true" "a = [1]" "a.b.c = true"]
    One<Result<u8, String>>: ["a.Ok = 1\nb.Err = 'x'"] ["a.Ok = 'x'" "a.ok = 1"]
    One<std::ops::Bound<u8>>: ["a.Included = 1\nb = 'Unbounded'"] ["a = 'Included'"]
    One<Range<u8>>: ["a = { start = 1, end = 2 }"] ["a = { start = 1 }" "a = { start = 1, end = 2, x = 3 }"]
    One<std::time::Duration>: ["a = { secs = 1, nanos = 2 }"] ["a = { secs = -1, nanos = 2 }"]
}

/// The span of a value or an inline table is that of its text. The span of a key is that of the
/// key.
#[test]
fn spans_are_those_of_the_text() {
    let text = "\u{feff}'é' = 'x'\n[t.'u v']\nw = [1, { x = 2 }]\n";
    type Keys<'a, T> = BTreeMap<Spanned<Cow<'a, str>>, Spanned<T>>;
    #[derive(Debug, Deserialize)]
    #[serde(untagged)]
    #[allow(dead_code, reason = "only read into")]
    enum Any {
        Text(String),
        Map(BTreeMap<String, IgnoredAny>),
    }
    fn spans<K>(map: &BTreeMap<Spanned<K>, Spanned<impl Sized>>) -> Vec<[Range<usize>; 2]> {
        map.iter().map(|(key, value)| [key.span(), value.span()]).collect()
    }
    let document = Document::parse(text).unwrap();
    let root: Spanned<Keys<'_, Any>> = document.deserialize().unwrap();
    assert_eq!(root.span(), 0..0);
    // `t` has no header of its own. Its span is that of its key.
    assert_eq!(spans(root.get_ref()), [[15..16, 15..16], [3..7, 10..13]]);
    #[derive(Deserialize)]
    struct T<'a> {
        #[serde(borrow)]
        t: Keys<'a, Inner<'a>>,
    }
    #[derive(Deserialize)]
    struct Inner<'a> {
        #[serde(borrow)]
        w: Spanned<(Spanned<u8>, Spanned<Keys<'a, u8>>)>,
    }
    let ours: T<'_> = document.deserialize().unwrap();
    let theirs: T<'_> = toml::from_str(text).unwrap();
    let inner = |read: &T<'_>| {
        let w = &read.t.values().next().unwrap().get_ref().w;
        let (one, map) = w.get_ref();
        (w.span(), one.span(), map.span(), spans(map.get_ref()))
    };
    assert_eq!(inner(&ours), inner(&theirs));
    // For a table with a header, ours is the span of the key, and theirs includes the brackets.
    assert_eq!(spans(&ours.t), [[17..22, 17..22]]);
    assert_eq!(spans(&theirs.t), [[17..22, 14..23]]);
}

/// Each row is a reason, a type, a text, whether this crate accepts it, and whether `toml` does.
macro_rules! differ {
    ($($reason:literal: $type:ty, $text:literal => $ours:literal, $theirs:literal;)*) => {$(
        let ours = Document::parse($text);
        let ours = ours.is_ok_and(|document| document.deserialize::<$type>().is_ok());
        assert_eq!(ours, $ours, "{}", $reason);
        assert_eq!(toml::from_str::<$type>($text).is_ok(), $theirs, "{}", $reason);
    )*};
}

/// Lists each difference with its reason.
#[test]
fn what_differs_from_toml() {
    differ! {
        "integers outside 64 bits are refused when the text is read":
            One<u64>, "a = 9223372036854775808" => false, true;
        "the same":
            One<i128>, "a = 9223372036854775808" => false, true;
        "strings with escapes are decoded once, so that they can be borrowed":
            One<&str>, "a = \"\\n\"" => true, false;
        "the same for keys":
            Of<&str>, "\"\\n\" = 1" => true, false;
        "keys with a span are keys like any other":
            Of<Spanned<u8>>, "1 = 1" => true, false;
        "the same for newtypes":
            Of<Spanned<UserId>>, "a = 1" => true, false;
        "keys can be borrowed whatever the type asks for":
            Of<&[u8]>, "a = 1" => true, false;
    }
    // Both refuse the text, and our place is more precise.
    macro_rules! closer {
        ($($type:ty, $text:literal => $ours:expr, $theirs:expr;)*) => {$(
            let ours = Document::parse($text).unwrap().deserialize::<$type>().unwrap_err();
            assert_eq!((ours.line(), ours.column()), $ours, "{}", $text);
            let theirs = toml::from_str::<$type>($text).unwrap_err();
            assert_eq!(theirs.span(), Some($theirs), "{}", $text);
        )*};
    }
    closer! {
        One<Converted>, "a.V = 10" => (1, 7), 0..1;
        Adjacent, "t = 'New'\nc = 'x'" => (2, 5), 0..0;
        Adjacent, "t = 'Tuple'\nc = [1]" => (2, 5), 0..0;
        AliasedTwice, "\na = 1\nb = 2" => (3, 1), 0..0;
    }
    // Our tables keep the order of the text; `toml` sorts, unless a feature is on. If two keys are
    // the same value of the key's type, the last one wins.
    let text = "1 = 1\n01 = 2\n";
    let ours: Of<u8> = Document::parse(text).unwrap().deserialize().unwrap();
    let theirs: Of<u8> = toml::from_str(text).unwrap();
    assert_eq!((ours[&1], theirs[&1]), (2, 1));
    // Line endings in multi-line strings are read as `\n`.
    let text = "a = '''\nx\r\ny'''\n";
    let ours: One<String> = Document::parse(text).unwrap().deserialize().unwrap();
    let theirs: One<&str> = toml::from_str(text).unwrap();
    assert_eq!((ours["a"].as_str(), theirs["a"]), ("x\ny", "x\r\ny"));
    // A date read as a table of text has the spelling of the document, not that of `Datetime`.
    type Dates = One<One<String>>;
    let text = "a = 1979-05-27 07:32:00z\n";
    let ours: Dates = Document::parse(text).unwrap().deserialize().unwrap();
    let theirs: Dates = toml::from_str(text).unwrap();
    assert_eq!(ours["a"].values().next().unwrap(), "1979-05-27 07:32:00z");
    assert_eq!(theirs["a"].values().next().unwrap(), "1979-05-27T07:32:00Z");
}

/// An error about a key has the place of the key. Its text is fixed except for the path.
#[test]
fn errors_about_keys_point_at_the_key() {
    #[track_caller]
    fn assert_refused<'de, T: Deserialize<'de>>(document: &'de Document, message: &str) {
        assert_eq!(document.deserialize::<T>().err().unwrap().to_string(), message);
    }
    let document = Document::parse("[users]\n  'b c' = 1\n").unwrap();
    let place = "line 2, column 3: `users.\"b c\"`:";
    assert_refused::<One<Of<u8>>>(&document, &format!("{place} expected u8 as the key"));
    assert_refused::<One<Of<bool>>>(&document, &format!("{place} expected a boolean as the key"));
    assert_refused::<One<Of<char>>>(&document, &format!("{place} expected a character as the key"));
    assert_refused::<One<Of<Outer>>>(&document, &format!("{place} expected u8 as the key"));
    assert_refused::<One<Of<Option<u8>>>>(
        &document,
        &format!("{place} expected option as the key"),
    );
    assert_refused::<One<Of<Strict>>>(&document, &format!("{place} expected one of `Low`, `High`"));
    assert_refused::<One<Of<IpAddr>>>(&document, &format!("{place} refused by the type"));
    assert_refused::<One<Strict>>(&document, &format!("{place} expected one of `Low`, `High`"));
    assert_refused::<One<Closed>>(
        &document,
        &format!("{place} unknown key, expected one of `a`, `b`"),
    );
    let document = Document::parse("[users]\nx = 1\n[[users.y]]\n").unwrap();
    let message = "line 2, column 1: `users.x`: expected u8 as the key";
    assert_refused::<One<BTreeMap<u8, IgnoredAny>>>(&document, message);
    let document = Document::parse("ok.a = 1\n0 = {}\n").unwrap();
    let message = "line 2, column 1: `0`: expected a nonzero u8, found another integer";
    assert_refused::<BTreeMap<NonZeroU8, IgnoredAny>>(
        &Document::parse("\n0 = {}").unwrap(),
        message,
    );
    let message = "line 1, column 1: `ok`: expected u8 as the key";
    assert_refused::<BTreeMap<u8, IgnoredAny>>(&document, message);
    let document = Document::parse("[x]\na = 1\nb = 2\n").unwrap();
    let message = "line 3, column 1: `x.b`: the key `a` appears twice";
    assert_refused::<One<AliasedTwice>>(&document, message);
    let message = "line 2, column 1: `x.a`: expected newtype variant as the key";
    #[derive(Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
    #[serde(rename_all = "lowercase")]
    enum Named {
        A(u8),
        B,
    }
    assert_refused::<One<Of<Named>>>(&document, message);
    for (text, message) in [
        (
            "Tuple = { 0 = 1, x = 2 }",
            "line 1, column 18: `Tuple.x`: expected the positions 0 to 1 as keys",
        ),
        (
            "Tuple = { 0 = 1, 00 = 2 }",
            "line 1, column 18: `Tuple.00`: expected the positions 0 to 1 as keys",
        ),
        (
            "Tuple = [1]",
            "line 1, column 9: `Tuple`: expected tuple variant Form::Tuple with 2 elements, found 1 elements",
        ),
        (
            "Tuple = 1",
            "line 1, column 9: `Tuple`: expected tuple variant Form::Tuple, found integer",
        ),
        (
            "Struct = { a = 1, x = 2 }",
            "line 1, column 19: `Struct.x`: unknown key, expected one of `a`, `b`",
        ),
    ] {
        assert_refused::<Form>(&Document::parse(text).unwrap(), message);
    }
    // The type's own conversion fails inside a variant.
    let message = "line 1, column 7: `a.V`: refused by the type";
    assert_refused::<One<Converted>>(&Document::parse("a.V = 10").unwrap(), message);
    let message = "line 1, column 6: `a`: expected newtype variant, found variant without content";
    assert_refused::<One<Form>>(&Document::parse("a =  'New'").unwrap(), message);
}
