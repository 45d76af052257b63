//! The two readers, which are reachable under `--cfg secrets_toml_readers` only.

use arbitrary::{Arbitrary, Unstructured};
use secrets_toml::readers::careful;

use crate::laws::agree::agree;
use crate::laws::texts::Text;

#[path = "../support/dice.rs"]
mod dice;
#[allow(dead_code, reason = "benches use the rest")]
#[path = "../support/shapes.rs"]
mod shapes;

use shapes::SHAPES;

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
