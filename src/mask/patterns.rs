//! The patterns of a masker, in one zeroized buffer of final size.

use std::ops::Range;

use zeroize::Zeroizing;

use crate::mask::error::MaskerError;
use crate::mask::limits::MAX_PATTERNS_LEN;
use crate::mask::spelling::Spellings;
use crate::text::wiped::Wiped;

/// The characters that a mask consists of, the first one that is in no pattern.
const MASK_CHARACTERS: [char; 3] = ['*', '•', '#'];

/// The first of the characters that follow them, box drawings.
const FURTHER_CHARACTERS: u32 = 0x2500;

/// The patterns in ascending order, each once.
pub(super) struct Patterns {
    text: Wiped,
    ranges: Vec<Range<u32>>,
}

impl Patterns {
    /// Spells each text twice: to measure, and to write.
    pub(super) fn new(texts: &[&str]) -> Result<Self, MaskerError> {
        let longest = texts.iter().map(|text| text.len()).max().unwrap_or(0);
        let mut spellings = Spellings::new(longest);
        let (mut len, mut count) = (0, 0);
        for text in texts {
            spellings.of(text, |pattern| {
                len += pattern.len();
                count += 1;
            });
            if len > MAX_PATTERNS_LEN {
                return Err(MaskerError::new());
            }
        }
        let mut text = Wiped::with_capacity(len);
        let mut ranges = Vec::with_capacity(count);
        for value in texts {
            spellings.of(value, |pattern| {
                let range = text.append(pattern);
                ranges.push(range.start as u32..range.end as u32);
            });
        }
        let bytes = text.as_bytes();
        let of = |range: &Range<u32>| &bytes[range.start as usize..range.end as usize];
        ranges.sort_unstable_by(|a, b| of(a).cmp(of(b)));
        ranges.dedup_by(|a, b| of(a) == of(b));
        Ok(Self { text, ranges })
    }

    pub(super) fn len(&self) -> usize {
        self.ranges.len()
    }

    /// Returns a pattern, by its place in the order.
    pub(super) fn get(&self, i: usize) -> &[u8] {
        let range = &self.ranges[i];
        &self.text.as_bytes()[range.start as usize..range.end as usize]
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.len()).map(|i| self.get(i))
    }

    /// Returns three times one character that is in no pattern.
    pub(super) fn mask(&self) -> String {
        let is_free = |character: &char| !self.text.contains(*character);
        let first = MASK_CHARACTERS.iter().copied().find(is_free);
        first.unwrap_or_else(|| self.further_character()).to_string().repeat(3)
    }

    /// Returns the first character from U+2500 on that is in no pattern. There is one: all of them
    /// together are longer than the patterns may be.
    fn further_character(&self) -> char {
        let mut used = Zeroizing::new(vec![false; char::MAX as usize + 1]);
        self.text.chars().for_each(|character| used[character as usize] = true);
        let characters =
            (FURTHER_CHARACTERS..).map_while(|code| used.get(code as usize).zip(Some(code)));
        let free =
            characters.filter(|(used, _)| !**used).filter_map(|(_, code)| char::from_u32(code));
        free.into_iter().next().unwrap_or(char::MAX)
    }
}
