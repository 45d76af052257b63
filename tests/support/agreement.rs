//! Compares a document with `toml_edit`'s tree of the same text: every path, kind and value.

use secrets_toml::{Table, Value};
use toml_edit::{Item, TableLike};

pub(crate) fn assert_table(ours: Table<'_>, theirs: &dyn TableLike, place: &str) {
    assert_eq!(ours.len(), theirs.len(), "{place}");
    for (key, theirs) in theirs.iter() {
        let ours = ours.get(key).unwrap_or_else(|| panic!("{place}: {key}"));
        assert_item(ours, theirs, place);
    }
}

fn assert_item(ours: Value<'_>, theirs: &Item, place: &str) {
    match (ours, theirs) {
        (Value::Table(ours), theirs) => {
            let theirs = theirs.as_table_like().unwrap_or_else(|| panic!("{place}"));
            assert_table(ours, theirs, place);
        }
        (Value::Array(ours), Item::ArrayOfTables(theirs)) => {
            assert_eq!(ours.len(), theirs.len(), "{place}");
            for (ours, theirs) in ours.iter().zip(theirs.iter()) {
                assert_table(ours.as_table().unwrap(), theirs, place);
            }
        }
        (Value::Array(ours), Item::Value(toml_edit::Value::Array(theirs))) => {
            assert_eq!(ours.len(), theirs.len(), "{place}");
            for (ours, theirs) in ours.iter().zip(theirs.iter()) {
                assert_item(ours, &Item::Value(theirs.clone()), place);
            }
        }
        (Value::String(ours), theirs) => assert_eq!(Some(ours), theirs.as_str(), "{place}"),
        (Value::Integer(ours), theirs) => assert_eq!(Some(ours), theirs.as_integer(), "{place}"),
        (Value::Boolean(ours), theirs) => assert_eq!(Some(ours), theirs.as_bool(), "{place}"),
        (Value::Datetime(ours), theirs) => {
            assert_eq!(Some(&ours), theirs.as_datetime(), "{place}");
        }
        (Value::Float(ours), theirs) => {
            let theirs = theirs.as_float().unwrap_or_else(|| panic!("{place}"));
            assert_eq!(ours.to_bits(), theirs.to_bits(), "{place}");
        }
        (ours, _) => panic!("{place}: {ours:?}"),
    }
}
