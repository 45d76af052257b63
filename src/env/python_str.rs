//! Numbers in the format of Python's `str()`, which is what Streamlit sets in the environment.
//!
//! Python prints the shortest digits that are read back as the same float. If several texts are
//! equally short, it prints the one nearest to the float. So does `ryu`, but not the standard
//! library, which breaks ties in another way for about 0.3 % of the values between 1e15 and 1e16.
//!
//! The layout is that of `repr`: decimal notation from 1e-4 up to 1e16, and otherwise an exponent
//! of at least two digits.

use std::fmt::{self, Write};

/// The maximum length of a float from [`write_float`], such as `-2.2250738585072014e-308`.
pub(super) const MAX_FLOAT: usize = 24;

/// The maximum length of an integer, `-9223372036854775808`.
pub(super) const MAX_INTEGER: usize = 20;

/// The maximum number of digits that `ryu` prints: 17 significant ones, and zeros as in
/// `1000000000000000.0`.
const MAX_DIGITS: usize = 20;

/// Writes a float as Python's `str()` does.
pub(super) fn write_float(out: &mut impl Write, value: f64) -> fmt::Result {
    if value.is_nan() {
        return out.write_str("nan");
    }
    if value.is_sign_negative() {
        out.write_char('-')?;
    }
    let value = value.abs();
    if value.is_infinite() {
        return out.write_str("inf");
    }
    if value == 0.0 {
        return out.write_str("0.0");
    }

    let mut buffer = ryu::Buffer::new();
    let printed = buffer.format_finite(value);
    let mut digits = [0; MAX_DIGITS];
    let (digits, point) = take_apart(printed, &mut digits);
    // In this range both write decimal notation, and write it the same.
    if (-3..=16).contains(&point) {
        return out.write_str(printed);
    }
    let (first, others) = digits.split_at(1);
    let dot = if others.is_empty() { "" } else { "." };
    write!(out, "{first}{dot}{others}e{:+03}", point - 1)
}

/// Returns the significant digits of a text of `ryu` (`12.5`, `0.001`, `1e300`, `1.5e-7`), and the
/// number of them before the decimal point. That number is negative if zeros follow the point.
fn take_apart<'b>(printed: &str, digits: &'b mut [u8; MAX_DIGITS]) -> (&'b str, i32) {
    let (mantissa, exponent) = printed.split_once('e').unwrap_or((printed, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let mut point = whole.len() as i32 + exponent.parse::<i32>().unwrap_or(0);
    let mut count = 0;
    for byte in whole.bytes().chain(fraction.bytes()) {
        if count == 0 && byte == b'0' {
            point -= 1;
        } else {
            digits[count] = byte;
            count += 1;
        }
    }
    (std::str::from_utf8(&digits[..count]).unwrap_or_default(), point)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_as_python_writes_them() {
        // `python3 -c 'print(str(value))'` for each.
        for (value, expected) in [
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (1.0, "1.0"),
            (-1.5, "-1.5"),
            (100.0, "100.0"),
            (0.1, "0.1"),
            (1e-4, "0.0001"),
            (0.000_012_5, "1.25e-05"),
            (1e-5, "1e-05"),
            (1e15, "1000000000000000.0"),
            (9_007_199_254_740_993.0, "9007199254740992.0"),
            (1e16, "1e+16"),
            (1.234_567_890_123_456_7e16, "1.2345678901234568e+16"),
            (1e22, "1e+22"),
            (1.5e300, "1.5e+300"),
            (5e-324, "5e-324"),
            (2.225_073_858_507_201_4e-308, "2.2250738585072014e-308"),
            (f64::MAX, "1.7976931348623157e+308"),
            (f64::INFINITY, "inf"),
            (f64::NEG_INFINITY, "-inf"),
            (f64::NAN, "nan"),
            (-f64::NAN, "nan"),
        ] {
            let mut text = String::new();
            write_float(&mut text, value).unwrap();
            assert_eq!(text, expected);
            assert!(text.len() <= MAX_FLOAT);
        }
    }
}
